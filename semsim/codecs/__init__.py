"""Semantic codecs: layers, checkpoints, and one folder a paper."""
