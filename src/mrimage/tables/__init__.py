"""The tables of a run: their columns, and DuckDB over them."""
