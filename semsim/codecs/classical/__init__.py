"""JPEG, WebP, AVIF and HEVC at a fixed budget of bits: the rivals every learned codec must face."""
