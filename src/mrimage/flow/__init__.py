"""A run from its beginning to its end, and what a caller gets back."""
