"""VLM-CSC: an image travels as a sentence (Jiang et al.)."""
