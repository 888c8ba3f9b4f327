"""Figures that the papers state, as data: one CSV a paper."""
