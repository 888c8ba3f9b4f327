"""A scenario over a grid of its values, by Ray."""
