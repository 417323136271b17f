"""Small smooth densities, fitted to a few dozen points many times in a search and differentiable where evaluated.

Each is a state (its fitted tensors are saved with a checkpoint) with two verbs, `fit` and `log_prob`. They compute in
float64 on the CPU, whatever they are given: they are tiny, their tails are not, and gradients flow back all the same.

`GeneralisedGaussian.fit` does for all dimensions at once what `scipy.stats.gennorm.fit` does for one. Given the shape
b, the likelihood's best scale a is closed and its best location m the root of a decreasing function,

    a^b = b mean |x - m|^b,        sum sign(x - m) |x - m|^(b - 1) = 0,

so that one batched bisection over a grid of shapes, and a parabola through the best three, find the maximum.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from supernas.core.state import State

__all__ = ["Density", "Gaussian", "GeneralisedGaussian", "KernelDensity", "LogNormal", "double", "log_directions"]

SHAPES = (1.0, 8.0)
"""The range of shapes that is fitted: from Laplace to nearly uniform. Below 1 the density has a cusp at its mode and
the gradient no bound; above 8 few dozen points cannot tell one shape from another."""
_GRID = 33
_BISECTIONS = 32


def double(points: Tensor) -> Tensor:
    """The same numbers as float64 on the CPU, where the densities compute; gradients flow back through it."""
    return points.to("cpu", torch.float64)


class Density(Protocol):
    """What the novelty asks of a density over latent codes."""

    def fit(self, points: Float[Tensor, "points n"], minimum_scale: float) -> None:
        """Fits the density to the points; no scale is let below `minimum_scale` (in the points' units)."""

    def log_prob(self, point: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """The log density in nats, float64."""


@dataclass
class ExponentialPower(State, ABC):
    """Independent dimensions with p(x) = b / (2 a Gamma(1/b)) exp(-(|x - m| / a)^b) (`scipy.stats.gennorm`).

    Attributes:
        loc: m, per dimension.
        scale: a.
        shape: b; 1 is Laplace's distribution, 2 a Gaussian with standard deviation a / sqrt(2).
    """

    loc: Float[Tensor, " n"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))
    scale: Float[Tensor, " n"] = field(default_factory=lambda: torch.ones(0, dtype=torch.float64))
    shape: Float[Tensor, " n"] = field(default_factory=lambda: torch.ones(0, dtype=torch.float64))

    @abstractmethod
    def fit(self, points: Float[Tensor, "points n"], minimum_scale: float = 1e-3) -> None:
        """The most likely parameters for points, the scale at least `minimum_scale`."""

    def log_prob(self, point: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """The log density in nats."""
        distance = ((double(point) - self.loc) / self.scale).abs()
        constant = self.shape.log() - (2 * self.scale).log() - torch.lgamma(1 / self.shape)
        return (constant - distance.pow(self.shape)).sum(-1)


@dataclass
class GeneralisedGaussian(ExponentialPower):
    """Any shape within `SHAPES`."""

    def fit(self, points: Float[Tensor, "points n"], minimum_scale: float = 1e-3) -> None:
        """Maximum likelihood with the shape in `SHAPES` and the scale at least `minimum_scale`."""
        points = double(points.detach())
        grid = torch.linspace(math.log(SHAPES[0]), math.log(SHAPES[1]), _GRID, dtype=torch.float64)
        likelihood = _best_given_shape(points, grid.exp()[:, None], minimum_scale)[2]
        best = likelihood.argmax(0).clamp(1, _GRID - 2)
        left, middle, right = (likelihood.gather(0, (best + step)[None])[0] for step in (-1, 0, 1))
        curvature = left - 2 * middle + right
        offset = torch.where(curvature < 0, (left - right) / (2 * curvature), torch.sign(right - left)).clamp(-1, 1)
        self.shape = (grid[best] + offset * (grid[1] - grid[0])).exp().clamp(*SHAPES)
        self.loc, self.scale, _ = _best_given_shape(points, self.shape, minimum_scale)


@dataclass
class Gaussian(ExponentialPower):
    """Independent Gaussian dimensions: the shape is held at 2."""

    def fit(self, points: Float[Tensor, "points n"], minimum_scale: float = 1e-3) -> None:
        """Maximum likelihood: mean and (biased) standard deviation, the latter at least `minimum_scale` / sqrt(2)."""
        points = double(points.detach())
        self.loc = points.mean(0)
        self.scale = (math.sqrt(2) * points.std(0, correction=0)).clamp(min=minimum_scale)
        self.shape = torch.full_like(self.loc, 2.0)


def _best_given_shape(
    points: Float[Tensor, "points n"], shape: Float[Tensor, "*grid #n"], minimum_scale: float
) -> tuple[Float[Tensor, "*grid n"], Float[Tensor, "*grid n"], Float[Tensor, "*grid n"]]:
    """The most likely location and scale at given shapes, and the mean log likelihood there."""
    origin, width = points.amin(0), (points.amax(0) - points.amin(0)).clamp(min=1e-12)
    unit = (points - origin) / width  # in [0, 1], so that no power overflows
    unit = unit.T.expand(*shape.shape[:-1], -1, -1)  # [*grid, n, points]
    power = shape[..., None]
    low = torch.zeros_like(unit[..., :1])
    high = torch.ones_like(low)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        distance = unit - middle
        rising = (distance.abs().pow(power - 1).mul_(distance.sign())).sum(-1, keepdim=True) > 0
        low, high = torch.where(rising, middle, low), torch.where(rising, high, middle)
    middle = (low + high) / 2
    mean_power = (unit - middle).abs().pow(power).mean(-1)
    location = origin + width * middle[..., 0]
    scale = (width * (shape * mean_power).pow(1 / shape)).clamp(min=minimum_scale)
    likelihood = shape.log() - (2 * scale).log() - torch.lgamma(1 / shape) - mean_power * (width / scale).pow(shape)
    return location, scale, likelihood


@dataclass
class KernelDensity(State):
    """A Gaussian kernel at every point, its bandwidth per dimension by Scott's rule: std * points^(-1 / (n + 4)).

    Scott (1992), "Multivariate Density Estimation", eq. 6.42; in one dimension it equals `scipy.stats.gaussian_kde`.

    Attributes:
        points: the centres.
        bandwidth: the kernels' standard deviation, per dimension.
    """

    points: Float[Tensor, "points n"] = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.float64))
    bandwidth: Float[Tensor, " n"] = field(default_factory=lambda: torch.zeros(0, dtype=torch.float64))

    def fit(self, points: Float[Tensor, "points n"], minimum_scale: float = 1e-3) -> None:
        """Takes the points as centres; no bandwidth is let below `minimum_scale`."""
        self.points = double(points.detach()).clone()
        count, n = self.points.shape
        spread = self.points.std(0) if count > 1 else torch.zeros(n, dtype=torch.float64)
        self.bandwidth = (spread * count ** (-1 / (n + 4))).clamp(min=minimum_scale)

    def log_prob(self, point: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """The log density in nats."""
        distance = (double(point)[..., None, :] - self.points) / self.bandwidth
        count, n = self.points.shape
        constant = self.bandwidth.log().sum() + n / 2 * math.log(2 * math.pi) + math.log(count)
        return torch.logsumexp(-distance.square().sum(-1) / 2, -1) - constant


@dataclass
class LogNormal(State):
    """The density of a positive number whose logarithm is Gaussian.

    Attributes:
        loc: mean of the logarithm.
        scale: standard deviation of the logarithm.
    """

    loc: Float[Tensor, ""] = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    scale: Float[Tensor, ""] = field(default_factory=lambda: torch.ones((), dtype=torch.float64))

    def fit(self, values: Float[Tensor, " values"], minimum_scale: float = 1e-3) -> None:
        """Maximum likelihood; the scale (of the logarithm, so without a unit) is at least `minimum_scale`."""
        logarithms = double(values.detach()).log()
        self.loc = logarithms.mean()
        self.scale = logarithms.std(correction=0).clamp(min=minimum_scale)

    def log_prob(self, value: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """The log density in nats (per unit of the value, not of its logarithm)."""
        logarithm = double(value).log()
        distance = (logarithm - self.loc) / self.scale
        return -distance.square() / 2 - logarithm - self.scale.log() - math.log(2 * math.pi) / 2


def log_directions(radius: Float[Tensor, "*batch"], dimensions: int) -> Float[Tensor, "*batch"]:
    """Minus the log area of a sphere in so many dimensions: what turns a radius's density into a vector's (eq. 6)."""
    half = dimensions / 2
    return math.lgamma(half) - math.log(2) - half * math.log(math.pi) - (dimensions - 1) * radius.log()
