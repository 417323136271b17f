"""The settings of a graph autoencoder and of its training; together with the space they decide its weights."""

from supernas.core.settings import setting, settings

__all__ = ["AutoencoderSettings"]


@settings
class AutoencoderSettings:
    """What a graph autoencoder is and how it is trained.

    D-VAE's own values (Zhang et al. 2019) are given where ours differ; `docs/design/autoencoder.md` says why they do.
    """

    latent: int = setting(16, "dimensions n of the latent space (D-VAE: 56)", ge=1, le=512)
    encoder_hidden: int = setting(64, "width of a vertex state in the encoder (D-VAE: 501)", ge=4, le=2048)
    decoder_hidden: int = setting(48, "width of a vertex state in the decoder (D-VAE: 501)", ge=4, le=2048)
    kl_weight: float = setting(0.005, "weight of the Kullback-Leibler term, as in D-VAE", ge=0)
    noise: float = setting(1.0, "factor on the noise of codes drawn in training (D-VAE's code: 0.01)", ge=0, le=1)
    graphs: int = setting(20_000, "most training graphs; a larger space is sampled uniformly", ge=1)
    epochs: int = setting(30, "passes over the training graphs", ge=0)
    batch: int = setting(256, "graphs per training step (D-VAE: 32)", ge=1)
    learning_rate: float = setting(3e-3, "Adam's highest learning rate (D-VAE: 1e-4, less on plateaus)", gt=0)
    warmup: float = setting(0.05, "share of the steps in which the rate rises linearly; then a cosine to 0", ge=0, lt=1)
    clip: float = setting(5.0, "largest norm of the gradient", gt=0)
    seed: int = setting(0, "of initial weights, order of the graphs and noise", ge=0)
