"""RKD-SC's figures and tables."""
