"""Every figure of the report as plain data, and the queries that make it."""
