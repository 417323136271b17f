"""Second-order DARTS: the published finite difference against the exact form, and that against brute force."""

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from supernas.steps.hypergradients import Unrolled, gradients_of, unrolled_gradient

RADIUS = 1e-6  # so near that no ReLU switches


@pytest.fixture
def problem(toy_network, toy_batch):
    """(train loss, valid loss, alpha, step) on a tiny supernet in float64, with momentum buffers and decay."""
    network, alpha = toy_network(), torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    weights = dict(network.named_parameters())
    buffers = {name: 0.1 * torch.randn_like(w) for name, w in weights.items() if "body" in name}
    batches = toy_batch(0, size=16), toy_batch(1, size=16)

    def loss(batch):
        def at(weights):
            W = {"cell": alpha.softmax(-1)}
            return F.cross_entropy(functional_call(network, weights, (batch.inputs, W)).prediction, batch.targets)

        return at

    step = Unrolled(weights, rate=0.05, momentum=0.9, decay=3e-3, buffers=buffers)
    return loss(batches[0]), loss(batches[1]), alpha, step


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def test_finite_difference_agrees_with_the_exact_product(problem):
    train, valid, alpha, step = problem
    loss, (exact,) = unrolled_gradient(train, valid, [alpha], step, "exact")
    same, (found,) = unrolled_gradient(train, valid, [alpha], step, "finite-difference", RADIUS)
    assert float(loss) == pytest.approx(float(same))
    assert relative(found, exact) < 1e-3
    _, (coarse,) = unrolled_gradient(train, valid, [alpha], step, "finite-difference")
    assert relative(coarse, exact) > 0.1  # at the published radius ReLUs switch, and the quotient is of no use
    (first_order,) = torch.autograd.grad(valid(step.weights), alpha)
    assert relative(first_order, exact) > 0.01  # the second order is there


def test_the_well_known_misprint_is_far_off(problem):
    """`(plus - minus) / 2 * epsilon` instead of `/ (2 * epsilon)`, whose second term all but vanishes."""
    train, valid, alpha, step = problem
    _, (exact,) = unrolled_gradient(train, valid, [alpha], step, "exact")
    moved = {name: w.detach().requires_grad_() for name, w in step.after(grads(train, step)).items()}
    direct, *direction = torch.autograd.grad(valid(moved), [alpha, *moved.values()])
    epsilon = RADIUS / torch.cat([d.flatten() for d in direction]).norm()
    sides = []
    for sign in (1, -1):
        displaced = {name: w + sign * epsilon * d for (name, w), d in zip(step.weights.items(), direction, strict=True)}
        sides.append(torch.autograd.grad(train(displaced), alpha)[0])
    assert relative(direct - step.rate * (sides[0] - sides[1]) / (2 * epsilon), exact) < 1e-3
    assert relative(direct - step.rate * (sides[0] - sides[1]) / 2.0 * epsilon, exact) > 1e-3


def grads(train, step):
    return torch.autograd.grad(train(step.weights), list(step.weights.values()))


def test_the_exact_form_is_the_slope_of_the_loss_after_the_step(problem):
    """Brute force: alpha is nudged, the weights make their step anew, the validation loss is measured."""
    train, valid, alpha, step = problem
    _, (exact,) = unrolled_gradient(train, valid, [alpha], step, "exact")

    def after_the_step():
        return float(valid(step.after(grads(train, step))).detach())

    for place in [(0, 1), (2, 3), (5, 4)]:
        values = []
        for nudge in (1e-5, -2e-5):
            with torch.no_grad():
                alpha[place] += nudge
            values.append(after_the_step())
        with torch.no_grad():
            alpha[place] += 1e-5
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(exact[place]), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("part", ["momentum", "decay", "rate"])
def test_every_part_of_the_step_counts(problem, part):
    train, valid, alpha, step = problem
    without = Unrolled(**{**vars(step), part: 0.0})
    for form in ("exact", "finite-difference"):
        one = unrolled_gradient(train, valid, [alpha], step, form, RADIUS)[1][0]
        other = unrolled_gradient(train, valid, [alpha], without, form, RADIUS)[1][0]
        assert relative(one, other) > 1e-6


def test_both_sides_see_what_the_step_drew(problem):
    """Noise that a network draws is that of the step, in both forms, and the generator moves on as by one step."""
    train, valid, alpha, step = problem

    def noisy(weights):
        return train(weights) + (torch.randn(6, 5, dtype=torch.float64) * alpha).sum() * weights["stem.0.weight"].sum()

    found = {}
    for form, radius in (("exact", 0.01), ("finite-difference", RADIUS)):
        torch.manual_seed(0)
        found[form] = unrolled_gradient(noisy, valid, [alpha], step, form, radius)[1][0], torch.rand(3)
    assert relative(found["finite-difference"][0], found["exact"][0]) < 1e-3
    assert torch.equal(found["finite-difference"][1], found["exact"][1])


def test_where_nothing_depends_the_gradient_is_zero():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    assert [one.tolist() for one in gradients_of((2 * used).sum(), [used, unused])] == [[2, 2], [0, 0, 0]]
    assert [one.tolist() for one in gradients_of(torch.ones(()), [used, unused])] == [[0, 0], [0, 0, 0]]
