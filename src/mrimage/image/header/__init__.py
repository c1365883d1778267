"""Headers: what a file says about its picture, from its first bytes."""
