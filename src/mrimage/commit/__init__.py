"""What a run has committed below OUT, who may write there, and the tables that it publishes."""
