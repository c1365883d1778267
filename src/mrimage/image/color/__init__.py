"""Color spaces, profiles and conversion between them."""
