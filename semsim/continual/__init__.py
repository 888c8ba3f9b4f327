"""Continual learning: one task after another, with a memory or without."""
