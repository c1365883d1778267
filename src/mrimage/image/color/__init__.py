"""Color spaces, ICC profiles, and conversion between them."""
