"""Quadruple relative similarity: against loops over all quadruples, and what its gradients reach."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from supernas.core.errors import UserError
from supernas.core.settings import build
from supernas.methods.tetlo.quadruples import QRSSettings, hardest, pair_similarities, qrs_loss, sampled


@pytest.fixture
def embeddings():
    """Of a student and a teacher, 6 examples, float64."""
    return tuple(torch.randn(6, width, dtype=torch.float64, requires_grad=True) for width in (3, 5))


def pairs_of(batch):
    return list(itertools.combinations(range(batch), 2))


def alike(embeddings, x, y, similarity):
    if similarity == "dot":
        return float(embeddings[x] @ embeddings[y])
    return float(F.cosine_similarity(embeddings[x], embeddings[y], dim=0))


def naive(student, teacher, options, quadruples):
    """The mean over ((x, y), (w, z)), one at a time."""
    student, teacher = student.detach(), teacher.detach()
    losses = []
    for (x, y), (w, z) in quadruples:
        mine, theirs = (
            (alike(one, x, y, options.similarity) - alike(one, w, z, options.similarity)) / options.temperature
            for one in (student, teacher)
        )
        p, q = 1 / (1 + math.exp(-mine)), 1 / (1 + math.exp(-theirs))
        if options.targets == "hard":
            q = float(theirs > 0)
        losses.append(-q * math.log(p) - (1 - q) * math.log(1 - p))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("targets", ["soft", "hard"])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_all_quadruples_against_the_loop(embeddings, similarity, targets):
    options = QRSSettings(quadruples="all", similarity=similarity, targets=targets, temperature=0.7)
    both_orders = list(itertools.permutations(pairs_of(6), 2))
    expected = naive(*embeddings, options, both_orders)
    assert naive(*embeddings, options, itertools.combinations(pairs_of(6), 2)) == pytest.approx(expected, rel=1e-12)
    assert qrs_loss(*embeddings, options).item() == pytest.approx(expected, rel=1e-12)


def test_sampled_quadruples_against_the_loop(embeddings):
    options = QRSSettings(count=40)
    drawn = sampled(15, 40, torch.Generator().manual_seed(3))
    assert all(first != second for first, second in zip(*drawn, strict=True))
    quadruples = [(pairs_of(6)[i], pairs_of(6)[j]) for i, j in zip(*drawn, strict=True)]
    found = qrs_loss(*embeddings, options, torch.Generator().manual_seed(3))
    assert found.item() == pytest.approx(naive(*embeddings, options, quadruples), rel=1e-12)


def test_samples_are_uniform():
    first, second = sampled(4, 12_000, torch.Generator().manual_seed(0))
    counts = torch.bincount(4 * first + second, minlength=16).view(4, 4)
    assert counts.diagonal().tolist() == [0] * 4
    others = counts[~torch.eye(4, dtype=torch.bool)]
    assert len(others) == 12
    assert (others - 1000).abs().max() < 130  # four deviations


@pytest.mark.parametrize("count", [1, 5, 15, 40, 105, 999])
def test_the_hardest_are_those_of_the_whole_table(embeddings, count):
    mine, theirs = (pair_similarities(one.detach()) for one in embeddings)
    e = mine - theirs
    every = sorted((abs(float(e[i] - e[j])) for i, j in itertools.combinations(range(15), 2)), reverse=True)
    first, second = hardest(e, count)
    found = [abs(float(e[i] - e[j])) for i, j in zip(first, second, strict=True)]
    assert found == pytest.approx(every[:count])
    assert len({frozenset(both) for both in zip(first.tolist(), second.tolist(), strict=True)}) == len(found)


def test_hard_quadruples_are_worse_than_the_others(embeddings):
    """Their excess over the entropy of the targets is larger than that of all."""
    e = pair_similarities(embeddings[0].detach()) - pair_similarities(embeddings[1].detach())
    quadruples = [(pairs_of(6)[i], pairs_of(6)[j]) for i, j in zip(*hardest(e, 6), strict=True)]
    hard, every = QRSSettings(quadruples="hard"), QRSSettings(quadruples="all")
    found = qrs_loss(*embeddings, hard).item()
    assert found == pytest.approx(naive(*embeddings, hard, quadruples), rel=1e-9)
    least = qrs_loss(embeddings[1], embeddings[1], every).item()
    excess = qrs_loss(*embeddings, every).item() - least
    assert found - naive(embeddings[1], embeddings[1], hard, quadruples) > excess > 0


def test_ties_of_hard_targets_count_half():
    teacher = torch.ones(4, 2)
    student = torch.randn(4, 2, requires_grad=True)
    d = pair_similarities(student) / 0.1
    i, j = torch.triu_indices(6, 6, offset=1)
    expected = F.binary_cross_entropy_with_logits(d[i] - d[j], torch.full((15,), 0.5))
    found = qrs_loss(student, teacher, QRSSettings(quadruples="all", targets="hard"))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("quadruples", ["sampled", "all", "hard"])
def test_soft_targets_have_all_derivatives(embeddings, quadruples):
    """First ones in both, and the mixed second one that a hypergradient goes through."""
    options = QRSSettings(quadruples=quadruples, temperature=1.0)

    def loss(student, teacher):
        return qrs_loss(student, teacher, options, torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(loss, embeddings)
    assert torch.autograd.gradgradcheck(loss, embeddings)
    (in_student,) = torch.autograd.grad(loss(*embeddings), embeddings[0], create_graph=True)
    (mixed,) = torch.autograd.grad(in_student.square().sum(), embeddings[1])
    assert mixed.abs().max() > 1e-3


def test_hard_targets_have_none_in_the_teacher(embeddings):
    loss = qrs_loss(*embeddings, QRSSettings(quadruples="all", targets="hard"))
    student, teacher = torch.autograd.grad(loss, embeddings, allow_unused=True)
    assert student.abs().max() > 0
    assert teacher is None


def test_a_student_learns_the_teachers_relations(embeddings):
    student, teacher = embeddings[0].detach().requires_grad_(), embeddings[1].detach()
    adam, options = torch.optim.Adam([student], lr=0.05), QRSSettings(quadruples="all", temperature=0.5)
    start = qrs_loss(student, teacher, options).item()
    least = qrs_loss(teacher, teacher, options).item()
    for _ in range(150):
        adam.zero_grad()
        qrs_loss(student, teacher, options).backward()
        adam.step()
    assert qrs_loss(student, teacher, options).item() - least < 0.1 * (start - least)


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match="three examples"):
        qrs_loss(torch.randn(2, 3), torch.randn(2, 3))
    with pytest.raises(UserError, match="leave count out"):
        build(QRSSettings, {"quadruples": "all", "count": 5}, "qrs")
