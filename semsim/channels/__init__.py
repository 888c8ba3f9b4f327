"""Channels and channel coding: Sionna behind one contract; the only room that imports sionna."""
