"""Experiments of our own on allocation."""
