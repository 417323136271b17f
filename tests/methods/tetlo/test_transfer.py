"""What one network tells another: pairs and logits against loops, and batches in which there is nothing to tell."""

import pytest
import torch

from supernas.core.errors import UserError
from supernas.methods.tetlo.quadruples import QRSSettings
from supernas.methods.tetlo.transfer import TransferSettings


@pytest.fixture
def said():
    return torch.randn(5, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)


def match_of(knowledge, student, teacher):
    return float(knowledge.settle(student, teacher, torch.Generator())(student, teacher))


def test_pairs_against_the_loop(said):
    student, teacher = said
    differences = [
        (torch.cosine_similarity(student[a], student[b], 0) - torch.cosine_similarity(teacher[a], teacher[b], 0)) / 0.3
        for a in range(5)
        for b in range(a)
    ]
    found = match_of(TransferSettings(form="pairs", qrs=QRSSettings(temperature=0.3)), student, teacher)
    assert found == pytest.approx(sum(float(one) ** 2 for one in differences) / 10)


def test_logits_against_the_loop(said):
    student, teacher = said
    entropies = [
        -sum(p * q.log() for p, q in zip((t / 3).softmax(0), (s / 3).softmax(0), strict=True))
        for s, t in zip(student, teacher, strict=True)
    ]
    found = match_of(TransferSettings(form="logits", softening=3.0), student, teacher)
    assert found == pytest.approx(9 * sum(map(float, entropies)) / 5)


@pytest.mark.parametrize(
    ("form", "shape", "reason"),
    [
        ("quadruples", (2, 4), "compares 3 or more examples of a batch, which has 2"),
        ("pairs", (1, 4), "compares 2 or more examples of a batch, which has 1"),
        ("logits", (5, 1), r"the predictions are of shape \(5, 1\)"),
        ("logits", (5,), r"the predictions are of shape \(5,\)"),
        ("pairs", (5, 1), "an embedding of one number has no angle"),
        ("quadruples", (5,), "an embedding of one number has no angle"),
    ],
)
def test_nothing_to_compare(form, shape, reason):
    with pytest.raises(UserError, match=reason):
        TransferSettings(form=form).of(torch.zeros(shape), torch.zeros(shape))


def test_an_embedding_of_zeros_keeps_finite_derivatives():
    student = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
    knowledge = TransferSettings()
    teacher = torch.randn(4, 3, dtype=torch.float64)
    match = knowledge.settle(student, teacher, torch.Generator())(student, teacher)
    (first,) = torch.autograd.grad(match, student, create_graph=True)
    assert first.isfinite().all()
    (second,) = torch.autograd.grad(first.square().sum(), student)
    assert second.isfinite().all()
