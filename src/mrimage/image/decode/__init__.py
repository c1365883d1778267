"""Turn the bytes of an image file into pixels."""
