"""E2NAS and its parts: the graph autoencoder, the novelty of a latent code, densities."""

from supernas.methods.e2nas.e2nas import E2NAS

__all__ = ["E2NAS"]
