"""LaMoSC: an image and a sentence about it, fused at both ends (Zhao et al.)."""
