"""The experiment ``agents-gap``."""
