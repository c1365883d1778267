"""The tables of a run: their columns, and queries over them with DuckDB."""
