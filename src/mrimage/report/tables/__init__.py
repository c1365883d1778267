"""The tables of a finished run, and SQL over them."""
