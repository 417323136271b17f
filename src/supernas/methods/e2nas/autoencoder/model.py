"""The graph autoencoder: graphs of one family <-> points of a latent space (D-VAE).

M. Zhang, S. Jiang, Z. Cui, R. Garnett and Y. Chen, "D-VAE: A Variational Autoencoder for Directed Acyclic Graphs",
NeurIPS 2019. The training loss is  -log p(graph | z) + kl_weight * KL(q(z | graph) || N(0, I)).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor, nn

from supernas.core.graphs import Graph, GraphFamily
from supernas.methods.e2nas.autoencoder.choosers import greedy, stochastic, teacher
from supernas.methods.e2nas.autoencoder.decoder import GraphDecoder, Predictions
from supernas.methods.e2nas.autoencoder.encoder import GraphEncoder
from supernas.methods.e2nas.autoencoder.packing import Packed, pack, unpack
from supernas.methods.e2nas.autoencoder.settings import AutoencoderSettings
from supernas.methods.e2nas.autoencoder.weights import Softmaxes, WeightsMap

__all__ = ["Decoded", "GraphAutoencoder", "Losses"]


@dataclass(frozen=True)
class Decoded:
    """Decoded graphs, with the probabilities along the way that was taken.

    Attributes:
        packed: the graphs as tensors.
        predictions: what was predicted at each level; differentiable with respect to the code.
    """

    packed: Packed
    predictions: list[Predictions]

    @cached_property
    def graphs(self) -> list[Graph]:
        """The graphs, in the order of the codes."""
        return unpack(self.packed)


@dataclass(frozen=True)
class Losses:
    """Means over a batch, in nats: the total that is minimised, and its two parts."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    divergence: Float[Tensor, ""]


class GraphAutoencoder(nn.Module):
    """A graph variational autoencoder for one family.

    Codes are standardised: `centre` and `scale` (set once, after training) map the encoder's output to mean 0 and
    standard deviation 1 over the training graphs, and are undone before decoding, so that N(0, I) is the region where
    codes are whatever the weight of the KL term did to their scale.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, family: GraphFamily, settings: AutoencoderSettings | None = None) -> None:
        """Make an untrained autoencoder (weights drawn from torch's global generator)."""
        super().__init__()
        self.family = family
        self.settings = settings or AutoencoderSettings()
        self.encoder = GraphEncoder(family, self.settings.encoder_hidden, self.settings.latent)
        self.decoder = GraphDecoder(family, self.settings.decoder_hidden, self.settings.latent)
        self.weights_map = WeightsMap(family, self.decoder)
        self.softmaxes = Softmaxes(family, self.decoder)
        self.register_buffer("centre", torch.zeros(self.settings.latent))
        self.register_buffer("scale", torch.ones(self.settings.latent))

    def pack(self, graphs: Sequence[Graph]) -> Packed:
        """Graphs as the tensors that `encode` and `loss` take."""
        packed = pack(self.family, graphs, self.centre.dtype)
        return Packed(packed.types.to(self.centre.device), packed.edges.to(self.centre.device))

    def encode(
        self, graphs: Packed | Sequence[Graph]
    ) -> tuple[Float[Tensor, "graphs latent"], Float[Tensor, "graphs latent"]]:
        """Mean and log-variance of each graph's code."""
        mean, log_variance = self.encoder(graphs if isinstance(graphs, Packed) else self.pack(graphs))
        return (mean - self.centre) / self.scale, log_variance - 2 * self.scale.log()

    def draw(
        self, mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None
    ) -> Float[Tensor, "graphs latent"]:
        """Codes drawn from the encoder's normal distributions, their noise scaled by `settings.noise`."""
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
        return mean + self.settings.noise * torch.exp(0.5 * log_variance) * noise

    def loss(self, graphs: Packed, generator: torch.Generator | None = None) -> Losses:
        """The negative evidence bound of a batch with one code drawn for each graph; KL in the unstandardised code."""
        mean, log_variance = self.encoder(graphs)
        codes = (self.draw(mean, log_variance, generator) - self.centre) / self.scale
        reconstruction = -self.log_likelihood(codes, graphs).mean()
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1).mean()
        return Losses(reconstruction + self.settings.kl_weight * divergence, reconstruction, divergence)

    def log_likelihood(self, codes: Float[Tensor, "graphs latent"], graphs: Packed) -> Float[Tensor, " graphs"]:
        """The log-probability of each graph given its code, in nats."""
        made = self.decoder(self._raw(codes), teacher(self.decoder.columns, graphs))
        return torch.stack([predictions.log_probability() for predictions in made]).sum(0)

    def decode(self, codes: Float[Tensor, "batch latent"]) -> Decoded:
        """The graphs of codes, the likeliest types and edges taken at each vertex in turn (greedy)."""
        return self._decoded(self.decoder(self._raw(codes), greedy))

    def decode_stochastic(
        self, codes: Float[Tensor, "batch latent"], generator: torch.Generator, temperature: float = 1.0
    ) -> Decoded:
        """Graphs drawn from the predicted distributions vertex by vertex, as D-VAE decodes; logits / temperature."""
        return self._decoded(self.decoder(self._raw(codes), stochastic(generator, temperature)))

    def probabilities(
        self, codes: Float[Tensor, "*batch latent"], temperature: float = 1.0, straight_through: bool = False
    ) -> Float[Tensor, "*batch choices options"]:
        """The relaxed architecture W: at [c, o] the sum over vertices of p(predecessor) p(type) for that pair.

        Probabilities (of logits / temperature) are those along the greedy decoding, twice differentiable with respect
        to the code, while what was taken at earlier vertices is constant; so where every choice has one vertex the
        argmax of each row is the architecture of `decode`, at any temperature. With `straight_through` the value is
        that 0/1 architecture (what was taken, in place of its probability), and the gradient is that of the
        probabilities (Bengio, Leonard and Courville 2013, arXiv:1308.3432).
        """
        made = self.decoder(self._raw(codes.reshape(-1, codes.shape[-1])), greedy)
        relaxed: Tensor = self.weights_map(made, temperature)
        if straight_through:
            relaxed = self.weights_map.taken(made) + (relaxed - relaxed.detach())
        return relaxed.view(*codes.shape[:-1], *relaxed.shape[1:])

    def relax(self, codes: Float[Tensor, "batch latent"], temperature: float = 1.0) -> tuple[Tensor, Decoded]:
        """`probabilities` and `decode` in one pass: W [batch, choices, options], and the graphs."""
        made = self.decoder(self._raw(codes), greedy)
        return self.weights_map(made, temperature), self._decoded(made)

    def decisions(
        self, codes: Float[Tensor, "batch latent"], temperature: float = 1.0
    ) -> Float[Tensor, "batch outputs"]:
        """The softmaxes of the decoder along the greedy decoding side by side, `softmaxes.widths` of them."""
        made: Tensor = self.softmaxes(self.decoder(self._raw(codes), greedy), temperature)
        return made

    def _raw(self, codes: Tensor) -> Tensor:
        return torch.addcmul(self.centre, codes, self.scale)

    def _decoded(self, made: list[Predictions]) -> Decoded:
        count = len(made[0].taken)
        first = torch.tensor([vertex.types[0] for vertex in self.family.vertices], device=self.centre.device)
        types = first.repeat(count, 1)
        edges = self.centre.new_zeros(count, len(first), len(first))
        for number, vertex in enumerate(self.family.vertices):
            edges[:, number, list(vertex.candidates)] = 1
        for predictions in made:
            level = predictions.level
            types[:, level.numbers] = self.decoder.columns[predictions.taken]
            if predictions.sources is not None:
                edges[:, level.numbers] = 0
                edges[:, level.numbers[:, None], level.known_numbers] = predictions.sources.detach()
        return Decoded(Packed(types, edges), made)
