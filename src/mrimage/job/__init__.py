"""Jobs: their options and checks, and the identity of their functions."""
