"""The cross-modal knowledge bases of VLM-CSC: image to sentence, and sentence to image."""
