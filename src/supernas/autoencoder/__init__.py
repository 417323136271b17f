"""The graph autoencoder (D-VAE): architectures as points of a continuous latent space, and back."""

from supernas.autoencoder.model import Decoded, GraphAutoencoder, Losses
from supernas.autoencoder.packing import Packed
from supernas.autoencoder.pretrained import load_autoencoder, load_pretrained, save_autoencoder, training_graphs
from supernas.autoencoder.settings import AutoencoderSettings
from supernas.autoencoder.training import Epoch, train

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
