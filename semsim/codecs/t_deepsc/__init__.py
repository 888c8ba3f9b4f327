"""T-DeepSC: a few indices of a codebook, sent for a class (Zhang et al.)."""
