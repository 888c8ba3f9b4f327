"""RKD-SC: distilled features, sent for a class and not for an image (Ding et al.)."""
