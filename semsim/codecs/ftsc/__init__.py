"""FTSC (Si et al.): VQ-VAE-2 with digital transport."""
