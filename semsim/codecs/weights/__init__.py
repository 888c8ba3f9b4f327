"""Shipped weights: NAME.safetensors with its card NAME.yaml."""
