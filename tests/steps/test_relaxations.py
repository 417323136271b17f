"""Relaxations: distributions that are what they say, gradients through them, options that are not held."""

import pytest
import torch

from supernas import spaces
from supernas.steps.relaxations import dirichlet, gumbel, option_mask_of, softmax, straight_through

SPACE = spaces.get("nas-bench-201")
ALL = option_mask_of(SPACE, SPACE.pairs, torch.device("cpu"))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_argmax_of_a_gumbel_draw_is_distributed_as_the_softmax():
    logits = torch.tensor([0.0, 1.0, -1.0, 0.5, 2.0]).expand(20000, 5)
    held = {"cell": torch.ones(20000, 5, dtype=torch.bool)}
    for temperature in (0.1, 10.0):
        drawn = gumbel({"cell": logits}, held, temperature, generator())["cell"]
        frequencies = drawn.argmax(-1).bincount(minlength=5) / 20000
        torch.testing.assert_close(frequencies, logits[0].softmax(-1), rtol=0, atol=0.015)
        assert bool(drawn.isfinite().all())
    flat, sharp = (gumbel({"cell": logits}, held, t, generator())["cell"].amax(-1).mean() for t in (10.0, 0.1))
    assert flat < 0.4 < 0.95 < sharp


def test_without_noise_nothing_is_drawn_and_it_is_the_softmax():
    alpha, g = {"cell": torch.randn(6, 5)}, generator()
    before = g.get_state()
    assert torch.equal(gumbel(alpha, ALL, 2.0, g, noise=0)["cell"], (alpha["cell"] / 2).softmax(-1))
    assert torch.equal(g.get_state(), before)


def test_a_dirichlet_draw_has_the_mean_variance_and_gradient_of_the_distribution():
    beta = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64, requires_grad=True)
    held = {"cell": torch.ones(100000, 3, dtype=torch.bool)}
    drawn = dirichlet({"cell": beta.expand(100000, 3)}, held, generator())["cell"]
    torch.testing.assert_close(drawn.sum(-1), torch.ones(100000, dtype=torch.float64))
    total = beta.detach().sum()
    mean = beta.detach() / total
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0, atol=5e-3)
    torch.testing.assert_close(drawn.var(0), mean * (1 - mean) / (total + 1), rtol=0, atol=3e-3)
    # d E[theta_0] / d beta_j and d E[theta_0^2] / d beta_j from the moments' formulas
    for power in (1, 2):
        (found,) = torch.autograd.grad(drawn[:, 0].pow(power).mean(), beta, retain_graph=True)
        again = beta.detach().clone().requires_grad_()
        a = again.sum()
        moment = again[0] / a if power == 1 else again[0] * (again[0] + 1) / (a * (a + 1))
        (expected,) = torch.autograd.grad(moment, again)
        torch.testing.assert_close(found, expected, rtol=0.05, atol=3e-3)


def test_options_that_are_not_held_have_weight_0_and_no_gradient():
    pairs = tuple(pair for pair in SPACE.pairs if pair[1] in (1, 3))
    held = option_mask_of(SPACE, pairs, torch.device("cpu"))
    alpha = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    made = [
        softmax({"cell": alpha}, held)["cell"],
        gumbel({"cell": alpha}, held, 1.0, generator())["cell"],
        dirichlet({"cell": alpha.exp()}, held, generator())["cell"],
    ]
    for W in made:
        assert bool((W[:, [0, 2, 4]] == 0).all())
        torch.testing.assert_close(W.sum(-1), torch.ones(6, dtype=torch.float64))
        (gradient,) = torch.autograd.grad((W * torch.randn_like(W)).sum(), alpha)
        assert bool((gradient[:, [0, 2, 4]] == 0).all())
        assert bool((gradient[:, [1, 3]] != 0).all())


@pytest.mark.parametrize("sharp", [1.0, 30.0])
def test_straight_through_has_the_value_of_the_likeliest_and_the_gradient_of_the_probabilities(sharp):
    alpha = (sharp * torch.randn(6, 5)).requires_grad_()
    P = alpha.softmax(-1)
    relaxed = straight_through({"cell": P}, SPACE)
    assert relaxed.architecture.options == tuple(P.argmax(-1).tolist())
    hard = torch.nn.functional.one_hot(P.argmax(-1), 5).float()
    torch.testing.assert_close(relaxed.W["cell"], hard, rtol=0, atol=0)
    upstream = torch.randn(6, 5)
    found = torch.autograd.grad((relaxed.W["cell"] * upstream).sum(), alpha, retain_graph=True)[0]
    torch.testing.assert_close(found, torch.autograd.grad((P * upstream).sum(), alpha)[0])
