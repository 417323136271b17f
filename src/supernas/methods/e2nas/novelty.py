"""Novelty of a latent code: minus the log density of its architecture among those visited.

Equations 4-6 of E2NAS, whose density is that of S. Pidhorskyi, R. Almohsen and G. Doretto, "Generative Probabilistic
Novelty Detection with Adversarial Autoencoders", NeurIPS 2018 (GPND below). A decoder D from n to m dimensions
spans a manifold; near a code z it is flat,

    (4)  D(z') = D(z) + J (z' - z) + O(|z' - z|^2),     J = U S V^T its Jacobian at z;

an architecture a (0s and 1s) splits into a part along that plane and a part across it,

    (5)  w = [U, U_perp]^T a = [w_par, w_perp];

and if the two are independent, and w_perp has no preferred direction in its N dimensions,

    (6)  log p_A(a) =  - sum log s                                                         (jacobian)
                       + log p_Z(z)                                                        (latent)
                       + log Gamma(N/2) - log 2 - N/2 log pi - (N-1) log |w_perp| + log p_R(|w_perp|)   (radial)

p_Z and p_R are fitted to the archive of visited architectures. The three terms are reported apart.

Where the paper is silent or wrong, and what is done here:

- *Sign of eq. 3.* It prints z <- z - (1 - gamma) grad L_val - gamma grad N with N = -log p_A, which would climb the
  density, back to what was visited. The text wants the novel, so the step descends log p_A:
  z <- z - lr ((1 - gamma) grad L_val + gamma grad log p_A). `Novelty.gradient` returns grad log p_A.
- *Powers.* Eq. 6 prints pi^((m-n-1)/2) |w_perp|^(m-n-1). With N = m - n the area of a sphere in N dimensions has
  pi^(N/2), and the power of |w_perp| is N - 1, as printed. (GPND's code has (2 pi)^(N/2).) Constants move nothing; the
  right ones make the density integrate to 1.
- *Dimensions.* A softmax over k options spans k - 1 dimensions, so NAS-Bench-201's 6 x 5 probabilities have m = 24, not
  30. The released code's n = 30 leaves no normal space (it drops the radial term); n = 16 leaves N = 8.
- *The architecture* is the greedy decoding itself: w_perp is the normal part of one-hot - D(z), with the one-hot
  constant. Projections use P = J (J^T J + ridge)^-1 J^T, equal to U U^T up to the ridge, whose derivative exists where
  singular values meet; -sum log s is -1/2 logdet(J^T J + ridge).
- *Small residuals.* A decoder that is sure leaves |w_perp| near 0, where -(N-1) log |w_perp| alone is worth +97 nats
  (1e-6, N = 8) and novelty would seek nothing but decision boundaries. |w_perp| is taken as
  sqrt(|w_perp|^2 + floor^2), in the fit too: smooth, so that no gradient stops at a clamp.
- *Fits.* The paper does not name any. p_Z: a Gaussian kernel at every code of the archive; it leads to more distinct
  cells than one Gaussian, or a generalised one as in GPND with its shape kept in [1, 8]: to the trail of one code that
  is fitted at the bound, and one coordinate then has the whole gradient. No scale is let below a tenth of the prior's
  deviation, so that a few codes, or many copies of one, leave tails that are still numbers. p_R: a log-normal, because
  GPND's histogram has no gradient. GPND takes the encoder's Jacobian, whose -sum log s has the opposite sign, and
  scales N by a tuned factor: not done here.
- -log p_A has no maximum, and a generalised Gaussian's slope grows as |z|^(shape - 1), without bound (a Gaussian's as
  |z|): bounds on |z| and on the size of a step are the caller's.

The gradient needs second derivatives of the decoder. One code is decoded m times in a batch, one row per output: one
backward pass gives all of J, a second one the gradient. (For recurrent decoders of these sizes forward mode costs
three to five times as much: it is the number of small operations that counts.) That is most of what novelty costs, so
the decoder's two terms may keep their gradient for a few steps (`decoder_every`); p_Z has a fresh one each step.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from supernas.core.errors import UserError
from supernas.core.settings import Unused, setting, settings
from supernas.core.spelling import assigned
from supernas.core.state import UNSAVED, State
from supernas.methods.e2nas.densities import (
    Density,
    Gaussian,
    GeneralisedGaussian,
    KernelDensity,
    LogNormal,
    double,
    log_directions,
)

__all__ = ["Decode", "Novelty", "NoveltySettings", "NoveltyTerms"]

Decode = Callable[[Float[Tensor, "batch n"]], Float[Tensor, "batch outputs"]]
"""Codes to probabilities: the softmaxes of all choices side by side. Rows are independent; twice differentiable."""


@settings
class NoveltySettings:
    """How the density of eq. 6 is estimated, and which of its terms count."""

    density: Literal["generalised-gaussian", "gaussian", "kernel"] = setting(
        "kernel", "the density p_Z of the archive's codes", equation="Eq. 6"
    )
    jacobian: bool = setting(True, "whether -sum log s counts", equation="Eq. 6")
    latent: bool = setting(True, "whether log p_Z counts", equation="Eq. 6")
    radial: bool = setting(True, "whether the density of the normal part counts", equation="Eq. 6")
    radius_floor: float = setting(0.01, "|w_perp| is sqrt(|w_perp|^2 + floor^2); as probabilities", gt=0, le=1)
    ridge: float = setting(1e-6, "what is added to the diagonal of J^T J", gt=0)
    minimum_scale: float = setting(
        0.1, "the smallest scale that a fit of p_Z may find, in units of the latent prior's deviation, which is 1", gt=0
    )
    minimum_spread: float = setting(0.1, "the smallest standard deviation of log |w_perp| that a fit may find", gt=0)
    refit_every: int = setting(32, "calls of `refresh` from one fit to the next", ge=1)
    decoder_every: int = setting(2, "calls of `gradient` from one gradient of the decoder's terms to the next", ge=1)

    def unused(self) -> Iterator[Unused]:
        """What is of terms that do not count."""
        if not self.latent:
            yield Unused(("density", "minimum_scale"), "latent=false", "latent=true")
        if not self.radial:
            yield Unused(("radius_floor", "minimum_spread"), "radial=false", "radial=true")
        if not self.latent and not self.radial:
            yield Unused(("refit_every",), "latent=false and radial=false", "one of them")
        if not self.jacobian and not self.radial:
            yield Unused(("ridge", "decoder_every"), "jacobian=false and radial=false", "one of them")


@dataclass(frozen=True)
class NoveltyTerms:
    """The three terms of eq. 6 in nats, float64; a term that is off is 0.

    Attributes:
        jacobian: -sum log s.
        latent: log p_Z(z).
        radial: the log density of the normal part.
        radius: |w_perp|, floored; 0 where the radial term is off.
    """

    jacobian: Float[Tensor, "*batch"]
    latent: Float[Tensor, "*batch"]
    radial: Float[Tensor, "*batch"]
    radius: Float[Tensor, "*batch"]

    @property
    def log_density(self) -> Float[Tensor, "*batch"]:
        """The sum, log p_A; novelty is its negative."""
        return self.jacobian + self.latent + self.radial


@dataclass
class Novelty(State):
    """The density of eq. 6 over what an archive holds: refreshed every step, asked for its gradient.

    Attributes:
        decode: codes to probabilities.
        widths: the number of options of each softmax, in the order of the outputs ((5,) * 6 in NAS-Bench-201); options
            that can never be taken must not be among them.
        dimensions: n, of the latent space.
        settings: how the density is estimated.
        latent: p_Z as last fitted.
        radius: p_R as last fitted.
        calls: of `refresh` since the last fit; None before the first.
        codes: what was last fitted, kept because the radii of codes that stay in the archive are not computed again.
        radii: their |w_perp|.
        held: the decoder's terms and their gradient, as last computed.
        held_calls: of `gradient` since then.

    Raises:
        UserError: if the radial term is on and the latent space leaves no normal space.
    """

    decode: Decode = field(metadata=UNSAVED)
    widths: tuple[int, ...] = field(metadata=UNSAVED)
    dimensions: int = field(metadata=UNSAVED)
    settings: NoveltySettings = field(metadata=UNSAVED)
    latent: Density = field(init=False)
    radius: LogNormal = field(init=False, default_factory=LogNormal)
    calls: int | None = field(init=False, default=None)
    codes: Float[Tensor, "codes n"] = field(init=False)
    radii: Float[Tensor, " codes"] = field(init=False)
    held: dict[str, Tensor] = field(init=False, default_factory=dict)
    held_calls: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.settings.radial and self.normal_dimensions < 1:
            ambient = sum(self.widths) - len(self.widths)
            raise UserError(
                f"a latent space of {self.dimensions} dimensions leaves no normal space for novelty's radial term: the "
                f"choices ({', '.join(map(str, self.widths))} options) span {ambient} dimensions; "
                f"give {assigned('method.autoencoder.latent', ambient - 1)} or less, or leave the term out: "
                f"{assigned('method.novelty.radial', 'false')}"
            )
        kinds: dict[str, type[GeneralisedGaussian] | type[Gaussian] | type[KernelDensity]] = {
            "generalised-gaussian": GeneralisedGaussian,
            "gaussian": Gaussian,
            "kernel": KernelDensity,
        }
        self.latent = kinds[self.settings.density]()
        self.codes = torch.zeros(0, self.dimensions, dtype=torch.float64)
        self.radii = torch.zeros(0, dtype=torch.float64)

    @property
    def normal_dimensions(self) -> int:
        """N: the dimensions that the softmaxes span, less those of the latent space."""
        return sum(self.widths) - len(self.widths) - self.dimensions

    def refresh(self, codes: Float[Tensor, "codes n"]) -> None:
        """Fits the density to the archive if it is time to; to be called once a step.

        Args:
            codes: the latent codes of the visited architectures, at least one, repeats included, in any order.
        """
        if self.calls is None or self.calls + 1 >= self.settings.refit_every:
            self.fit(codes)
        else:
            self.calls += 1

    def fit(self, codes: Float[Tensor, "codes n"]) -> None:
        """Fits the density to the archive now."""
        codes = codes.detach()
        if self.settings.latent:
            self.latent.fit(codes, self.settings.minimum_scale)
        if self.settings.radial:
            self.radii = self._radii(codes)
            self.radius.fit(self.radii, self.settings.minimum_spread)
        self.codes = codes.to("cpu", torch.float64, copy=True)
        self.calls = 0
        self.held = {}

    def terms(self, code: Float[Tensor, "*batch n"]) -> NoveltyTerms:
        """The terms of eq. 6 at one code or several, differentiable.

        Raises:
            RuntimeError: if nothing was fitted yet.
        """
        self._check_fitted()
        return NoveltyTerms(latent=self._latent(code), **self._decoder_terms(code))

    def gradient(self, code: Float[Tensor, " n"]) -> tuple[Float[Tensor, " n"], NoveltyTerms]:
        """The gradient of log p_A with respect to a code, and the terms there, detached; to be called once a step.

        Novel is where log p_A is low: a search *descends* it (see the note on eq. 3 above). With `decoder_every` > 1
        successive codes should be close, because the decoder's terms and their gradient are kept between calls.

        Raises:
            RuntimeError: if nothing was fitted yet.
        """
        self._check_fitted()
        code = code.detach().requires_grad_()
        with torch.enable_grad():
            latent = self._latent(code)
            if not self.held or self.held_calls + 1 >= self.settings.decoder_every:
                terms = self._decoder_terms(code)
                self.held = {name: term.detach() for name, term in terms.items()}
                self.held["gradient"] = _gradient(terms["jacobian"] + terms["radial"], code)
                self.held_calls = 0
            else:
                self.held_calls += 1
            gradient = self.held["gradient"] + _gradient(latent, code)
        kept = {name: term for name, term in self.held.items() if name != "gradient"}
        return gradient, NoveltyTerms(latent=latent.detach(), **kept)

    def _check_fitted(self) -> None:
        if self.calls is None:
            raise RuntimeError("novelty has no density yet: call `refresh` or `fit`")

    def _latent(self, code: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        return self.latent.log_prob(code) if self.settings.latent else torch.zeros(code.shape[:-1], dtype=torch.float64)

    def _decoder_terms(self, code: Float[Tensor, "*batch n"]) -> dict[str, Tensor]:
        """The terms that ask the decoder: jacobian, radial, and the radius."""
        jacobian = radial = radius = torch.zeros(code.shape[:-1], dtype=torch.float64)
        if self.settings.jacobian or self.settings.radial:
            volume, normal = self._tangent(code)
            if self.settings.jacobian:
                jacobian = volume
            if self.settings.radial:
                radius = normal
                radial = log_directions(radius, self.normal_dimensions) + self.radius.log_prob(radius)
        return {"jacobian": jacobian, "radial": radial, "radius": radius}

    def _radii(self, codes: Float[Tensor, "codes n"]) -> Float[Tensor, " codes"]:
        """|w_perp| at the archive's codes; the decoder is fixed, so only codes that are new since the last fit cost."""
        same = (double(codes)[:, None] == self.codes).all(-1)
        known = same.any(1)
        radii = torch.zeros(len(codes), dtype=torch.float64)
        if known.any():
            radii[known] = self.radii[same[known].int().argmax(1)]
        if not known.all():
            radii[~known] = self._tangent(codes[~known.to(codes.device)])[1].detach()
        return radii

    def _tangent(self, code: Float[Tensor, "*batch n"]) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
        """-sum log s of the decoder's Jacobian, and the floored |w_perp|."""
        probabilities, jacobian = _jacobian(self.decode, code, sum(self.widths))
        residual = one_hot(probabilities, self.widths) - probabilities
        # A tiny computation, which squares the condition number of J: in float64.
        log_volume, normal = tangent_split(double(jacobian), double(residual), self.settings.ridge)
        return -log_volume, (normal.square().sum(-1) + self.settings.radius_floor**2).sqrt()


def _gradient(value: Tensor, code: Tensor) -> Tensor:
    return torch.autograd.grad(value, code)[0] if value.requires_grad else torch.zeros_like(code)


def _jacobian(decode: Decode, code: Float[Tensor, "*batch n"], outputs: int) -> tuple[Tensor, Tensor]:
    """The decoder's outputs [*batch, outputs] and Jacobian [*batch, outputs, n], both differentiable if `code` is."""
    differentiable = torch.is_grad_enabled() and code.requires_grad
    with torch.enable_grad():
        rows = code[..., None, :].expand(*code.shape[:-1], outputs, -1)
        rows = rows if differentiable else rows.detach().requires_grad_()
        decoded = decode(rows.reshape(-1, code.shape[-1])).reshape(*rows.shape[:-1], outputs)
        which = torch.eye(outputs, dtype=decoded.dtype, device=decoded.device).expand_as(decoded)
        jacobian = torch.autograd.grad(decoded, rows, which, create_graph=differentiable)[0]
    first = decoded[..., 0, :]
    return (first, jacobian) if differentiable else (first.detach(), jacobian)


def one_hot(probabilities: Float[Tensor, "*batch outputs"], widths: tuple[int, ...]) -> Float[Tensor, "*batch outputs"]:
    """The likeliest option of every softmax as 0s and 1s, a constant."""
    parts = torch.split(probabilities.detach(), list(widths), -1)
    return torch.cat([F.one_hot(part.argmax(-1), part.shape[-1]) for part in parts], -1).to(probabilities.dtype)


def tangent_split(
    jacobian: Float[Tensor, "*batch m n"], vector: Float[Tensor, "*batch m"], ridge: float
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch m"]]:
    """The log volume sum log s of a Jacobian, and the part of a vector that is orthogonal to its columns (eq. 5)."""
    identity = torch.eye(jacobian.shape[-1], dtype=jacobian.dtype, device=jacobian.device)
    factor = torch.linalg.cholesky(jacobian.mT @ jacobian + ridge * identity)
    along = jacobian @ torch.cholesky_solve(jacobian.mT @ vector[..., None], factor)
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1), vector - along[..., 0]
