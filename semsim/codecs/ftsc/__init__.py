"""FTSC (Si et al.): VQ-VAE-2 and VQ-VAE over digital and latent transport."""
