"""Networks from their sizes and from weights."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from semsim.codecs import checkpoints
from semsim.codecs.ftsc.autoencoder import QuantizedAutoencoder
from semsim.codecs.ftsc.config import NetworkConfig, VqVae2Config, VqVaeConfig
from semsim.codecs.ftsc.vqvae import VqVae
from semsim.codecs.ftsc.vqvae2 import VqVae2
from semsim.errors import CheckpointError

_SIZES: TypeAdapter[VqVae2Config | VqVaeConfig] = TypeAdapter(NetworkConfig)


def build(sizes: VqVae2Config | VqVaeConfig) -> QuantizedAutoencoder:
    """Return an untrained network of these sizes."""
    return VqVae(sizes) if isinstance(sizes, VqVaeConfig) else VqVae2(sizes)


def restore(checkpoint: checkpoints.Checkpoint) -> QuantizedAutoencoder:
    """Return the network that a checkpoint holds.

    Raises:
        CheckpointError: if it holds neither a VQ-VAE-2 nor a VQ-VAE.
    """
    try:
        sizes = _SIZES.validate_python(checkpoint.model)
    except ValidationError as error:
        raise CheckpointError(f"{checkpoint.origin}: no VQ-VAE-2 or VQ-VAE: {error}") from error
    network = build(sizes)
    checkpoints.load_into(network, checkpoint)
    return network
