"""Headers: what a file says about its image in its first bytes, one module per format."""
