"""TranGDeepSC, its teacher ViTDeepSC, and co-training."""
