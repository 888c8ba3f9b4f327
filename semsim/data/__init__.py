"""Sources of images, labels and captions."""
