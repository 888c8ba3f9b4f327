"""Rivals: DeepJSCC, SemViT, ADJSCC-V, WITT."""
