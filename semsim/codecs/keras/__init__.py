"""Codecs that TensorFlow users bring."""
