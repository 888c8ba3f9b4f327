"""Fine-tuning of deployed codecs over the air: what it does, and what it costs."""
