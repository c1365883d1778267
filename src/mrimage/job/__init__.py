"""Jobs: what is to be done, and by which functions."""
