"""The ledger of a run: what is committed below OUT, who may write there, and what people read of it."""
