"""The graph autoencoder (D-VAE): architectures as points of a continuous latent space, and back."""

from supernas.methods.e2nas.autoencoder.model import Decoded, GraphAutoencoder, Losses
from supernas.methods.e2nas.autoencoder.packing import Packed
from supernas.methods.e2nas.autoencoder.pretrained import (
    load_autoencoder,
    load_pretrained,
    save_autoencoder,
    training_graphs,
)
from supernas.methods.e2nas.autoencoder.settings import AutoencoderSettings
from supernas.methods.e2nas.autoencoder.training import Epoch, train

__all__ = [
    "AutoencoderSettings",
    "Decoded",
    "Epoch",
    "GraphAutoencoder",
    "Losses",
    "Packed",
    "load_autoencoder",
    "load_pretrained",
    "save_autoencoder",
    "train",
    "training_graphs",
]
