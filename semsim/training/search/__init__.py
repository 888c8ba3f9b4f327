"""Differentiable search of RKD-SC's semantic encoders: KDL-DARTS and DARTS."""
