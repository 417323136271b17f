r"""Quadruple relative similarity: knowledge handed from one network to another as "x, y are more alike than w, z".

P. Sheth and P. Xie, "Improving Differentiable Neural Architecture Search by Encouraging Transferability", ICLR 2023,
name the idea. The formulas are ours: with s the similarity of two embeddings of a batch and T a temperature,

    d = (s(x, y) - s(w, z)) / T            of the student, and of the teacher
    loss = mean over quadruples of  BCE(sigmoid(d_student), q)
    q = sigmoid(d_teacher)                 soft: differentiable in the teacher
    q = 1[d_teacher > 0]                   hard: no derivative in the teacher (1/2 where both are equally alike)

x, y and w, z are unordered pairs of different examples, {x, y} other than {w, z}. A batch of B has P = B (B - 1) / 2
pairs and P (P - 1) / 2 quadruples; exchanging the two pairs changes nothing. The similarities of all pairs are entries
of one B x B matrix of inner products, and quadruples are differences of these.

- `sampled`: Q of them, drawn anew with repetition; memory O(B^2 + Q).
- `all`: memory O(P^2): 16 MB for a matrix at B = 64, 260 MB at B = 128, and a step holds several.
- `hard`: the Q on which |d_student - d_teacher| is largest. With e = s_student - s_teacher of each pair that is
  |e_i - e_j| / T, and the largest differences lie between the Q largest and the Q smallest e: sorting, not O(P^2).

The loss of a perfect student is the entropy of q, not 0.
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from supernas.core.settings import setting, settings

__all__ = ["QRSSettings", "Quadruples", "Similarity", "choose", "hardest", "pair_similarities", "qrs_loss", "sampled"]

_SMALL = 1e-12  # beside the squared norm of an embedding

Similarity = Literal["cosine", "dot"]


@settings
class QRSSettings:
    """Which quadruples are compared, and how."""

    quadruples: Literal["sampled", "all", "hard"] = setting(
        "sampled", "random ones, all of a batch, or those on which the two networks disagree most"
    )
    count: int | None = setting(None, "Q: how many are sampled or mined; by default the size of the batch", ge=1)
    similarity: Similarity = setting("cosine", "of two embeddings: their cosine, or their inner product")
    temperature: float = setting(0.1, "T: what differences of similarities are divided by", gt=0)
    targets: Literal["soft", "hard"] = setting("soft", "the teacher's probabilities, or its yes and no")

    def __post_init__(self) -> None:
        if self.quadruples == "all" and self.count is not None:
            raise ValueError("quadruples=all takes all of them; leave count out")


class Quadruples(NamedTuple):
    """int64[Q] each: the numbers of two pairs, as `pair_similarities` counts them."""

    first: Tensor
    second: Tensor


def qrs_loss(
    student: Tensor,
    teacher: Tensor,
    options: QRSSettings | None = None,
    generator: torch.Generator | None = None,
    chosen: Quadruples | None = None,
) -> Tensor:
    """How badly a student's relative similarities fit a teacher's: a scalar, in nats a quadruple.

    Args:
        student: embeddings [batch, features] (further axes are flattened).
        teacher: embeddings of the same batch; their features may be others in number. The gradient flows into both,
            with hard targets into the student only: detach the teacher to distil.
        options: which quadruples, and how they are compared.
        generator: on the host, of the sampled quadruples.
        chosen: the quadruples, if `choose` has chosen them before.

    Raises:
        ValueError: if there are fewer than three examples, which make no two pairs, or the batches differ.
    """
    options = options or QRSSettings()
    if chosen is None:
        chosen = choose(student, teacher, options, generator)
    mine = pair_similarities(student, options.similarity) / options.temperature
    theirs = pair_similarities(teacher, options.similarity) / options.temperature
    if chosen is None:
        return _all(mine, theirs, options.targets)
    first, second = (index.to(mine.device) for index in chosen)
    return _fit(mine[first] - mine[second], theirs[first] - theirs[second], options.targets).mean()


def choose(
    student: Tensor, teacher: Tensor, options: QRSSettings, generator: torch.Generator | None = None
) -> Quadruples | None:
    """The quadruples that `qrs_loss` takes, whose arguments these are; None is all of them."""
    batch = len(student)
    if batch != len(teacher) or batch < 3:
        raise ValueError(f"{batch} and {len(teacher)} embeddings; wanted one batch of three examples or more")
    count = options.count or batch
    if options.quadruples == "sampled":
        return sampled(batch * (batch - 1) // 2, count, generator)
    if options.quadruples == "all":
        return None
    mine, theirs = (pair_similarities(embeddings.detach(), options.similarity) for embeddings in (student, teacher))
    return hardest(mine - theirs, count)


def pair_similarities(embeddings: Tensor, similarity: Similarity = "cosine") -> Tensor:
    """The similarity of every two examples [batch (batch - 1) / 2], in the order (0, 1), (0, 2), ..., (1, 2), ..."""
    flat = embeddings.reshape(len(embeddings), -1)
    if similarity == "cosine":
        flat = flat * (flat.square().sum(dim=1, keepdim=True) + _SMALL).rsqrt()  # 0 keeps its derivatives, all of them
    rows, columns = torch.triu_indices(len(flat), len(flat), offset=1, device=flat.device)
    return (flat @ flat.T)[rows, columns]


def sampled(pairs: int, count: int, generator: torch.Generator | None = None) -> Quadruples:
    """Uniform draws of two different pairs."""
    first = torch.randint(pairs, (count,), generator=generator)
    step = torch.randint(1, pairs, (count,), generator=generator)
    return Quadruples(first, (first + step) % pairs)


def hardest(difference: Tensor, count: int) -> Quadruples:
    """The quadruples with the largest |e_i - e_j|.

    Args:
        difference: e: the student's similarity of each pair less the teacher's, [pairs].
        count: how many; all of them where there are fewer.

    A quadruple of the a-th largest and the b-th smallest e is beaten by none, or ties with some, of a * b - 1 others:
    so the `count` best lie among the `count` largest and smallest.
    """
    pairs = len(difference)
    count, width = min(count, pairs * (pairs - 1) // 2), min(count, pairs)
    order = difference.argsort(descending=True)
    high, low = order[:width], order[-width:]
    gaps = difference[high][:, None] - difference[low][None, :]
    place = torch.arange(pairs, device=difference.device)
    once = place[:width][:, None] < place[pairs - width :][None, :]  # each quadruple in one order, none of a pair alone
    best = gaps.masked_fill(~once, -torch.inf).flatten().topk(count).indices
    return Quadruples(high[best // width], low[best % width])


def _fit(student: Tensor, teacher: Tensor, targets: str) -> Tensor:
    """BCE(sigmoid(student), q) in a form that has second derivatives in both."""
    q = teacher.sigmoid() if targets == "soft" else (teacher.detach().sign() + 1) / 2
    return F.softplus(student) - q * student


def _all(student: Tensor, teacher: Tensor, targets: str) -> Tensor:
    """The mean over all i != j, which is that over i < j; on the diagonal the loss is log 2 and has no gradient."""
    pairs = len(student)
    table = _fit(student[:, None] - student[None, :], teacher[:, None] - teacher[None, :], targets)
    return (table.sum() - pairs * math.log(2)) / (pairs * (pairs - 1))
