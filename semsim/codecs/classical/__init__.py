"""JPEG and WebP at a fixed budget of bits: the rivals that every learned codec must face."""
