"""Training: one loop, recipes in YAML."""
