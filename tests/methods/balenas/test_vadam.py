"""Gaussians learnt by gradients: against Adam, against their equations written out, and against a known posterior."""

import copy

import pytest
import torch

from supernas.core.errors import UserError
from supernas.core.settings import build
from supernas.core.state import load_tree, to_tree
from supernas.methods.balenas.bayes_by_backprop import BayesByBackprop
from supernas.methods.balenas.vadam import Drawn, PosteriorSettings, VAdam

SHAPES = [(3, 2), (4,)]


def tensors(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def draws(seed, count=3, curvature=False):
    """What so many draws might have given."""
    return [
        Drawn(tensors(seed + 30), tensors(seed + 10 * number), tensors(seed + 50) if curvature else None)
        for number in range(count)
    ]


def one_number(options, examples=10, mean=0.5, cls=VAdam, lr=0.1):
    return cls(
        [torch.tensor([mean], dtype=torch.float64)],
        PosteriorSettings(lr_times_steps=lr, published_steps=1, **options),
        1,
        examples,
    )


def given(*gradients, noise=0.0, curvature=None):
    """Draws of one number each."""
    h = [None] * len(gradients) if curvature is None else curvature

    def tensor(value):
        return [torch.tensor([value], dtype=torch.float64)]

    return [
        Drawn(tensor(noise), tensor(g), None if c is None else tensor(c)) for g, c in zip(gradients, h, strict=True)
    ]


# --- the update -----------------------------------------------------------------------------------------------------


def test_without_noise_it_is_adam_with_a_decay_that_the_second_moment_does_not_see():
    """Adam's eps is lambda / N. One of torch's Adams is fed the gradient with lambda / N mu for its first moment, one
    without for its second.
    """
    precision, examples, lr = 2.0, 40, 0.05
    mean = tensors()
    options = PosteriorSettings(
        lr_times_steps=lr * 9, published_steps=9, prior_precision=precision, initial_precision=precision
    )
    ours = VAdam(mean, options, 9, examples)
    twins = [[one.clone() for one in mean] for _ in range(2)]
    adams = [torch.optim.Adam(twin, lr=lr, betas=(0.5, 0.999), eps=precision / examples) for twin in twins]
    expected = [one.clone() for one in mean]
    for step in range(1, 10):
        gradients = [one * (1 + step) for one in tensors(step)]
        for adam, decay in zip(adams, (precision / examples, 0.0), strict=True):
            for one, gradient, mu in zip(adam.param_groups[0]["params"], gradients, expected, strict=True):
                one.grad = gradient + decay * mu
            adam.step()
        for number, mu in enumerate(expected):
            m = adams[0].state[twins[0][number]]["exp_avg"] / (1 - 0.5**step)
            v = adams[1].state[twins[1][number]]["exp_avg_sq"] / (1 - 0.999**step)
            mu -= lr * m / (v.sqrt() + precision / examples)
        ours.step([Drawn([], gradients)])
        for one, other in zip(ours.mean, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_with_hardly_a_prior_it_is_torchs_adam():
    mean, twin = tensors(), tensors()
    options = {"prior_precision": 1e-12, "initial_precision": 1e-12}
    ours = VAdam(mean, PosteriorSettings(lr_times_steps=0.9, published_steps=9, **options), 9, 1)
    adam = torch.optim.Adam(twin, lr=0.1, betas=(0.5, 0.999), eps=1e-12)
    for step in range(9):
        gradients = tensors(step + 1)
        for one, gradient in zip(twin, gradients, strict=True):
            one.grad = gradient
        adam.step()
        ours.step([Drawn([], gradients)])
    for one, other in zip(mean, twin, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_several_draws_count_by_the_mean_of_their_squares_or_the_square_of_their_mean():
    for squares, seen in [("mean-of-squares", (1 + 9 + 4) / 3), ("square-of-mean", (6 / 3) ** 2)]:
        ours = one_number({"squares": squares, "beta2": 0.9, "initial_precision": 3.0})
        ours.step(given(1.0, 3.0, 2.0))
        s = 0.9 * (3 - 1) / 10 + 0.1 * seen
        assert float(ours.curvature[0]) == pytest.approx(s)
        assert float(ours.deviations()[0]) == pytest.approx((10 * (s + 0.1)) ** -0.5)
        scale = (seen + 0.9 * (3 - 1) / 10) ** 0.5 + 0.1  # the squares by their bias, the start by none
        assert float(ours.mean[0]) == pytest.approx(0.5 - 0.1 * (2 + 0.1 * 0.5) / scale)


def recursion(gradients, steps, examples, delta, precision, lr, betas):
    """(mu, sigma) after each step of VAdam on one number, written out; mu starts at 0."""
    beta1, beta2 = betas
    d, left, mu, m, e = delta / examples, (precision - delta) / examples, 0.0, 0.0, 0.0
    course = []
    for t in range(1, steps + 1):
        g = gradients(t / steps)
        m = beta1 * m + (1 - beta1) * (g + d * mu)
        e = beta2 * e + (1 - beta2) * g * g
        left *= beta2
        mu -= lr * m / (1 - beta1**t) / ((e / (1 - beta2**t) + left) ** 0.5 + d)
        course.append((mu, (examples * (e + left + d)) ** -0.5))
    return course


@pytest.mark.parametrize("precision", [1.0, 4.0, 100.0])
def test_an_initial_precision_narrows_and_does_not_hold_the_mean(precision):
    """Whatever the start, the mean goes at least half as far as Adam's would, lr times steps."""
    steps, examples = 200, 25_000
    settings = PosteriorSettings(lr_times_steps=5.9, published_steps=steps, initial_precision=precision)
    ours = VAdam([torch.zeros(1, dtype=torch.float64)], settings, steps, examples)
    assert float(ours.deviations()[0]) == pytest.approx(precision**-0.5)
    for mu, sigma in recursion(lambda part: 0.05, steps, examples, 1.0, precision, 5.9 / steps, (0.5, 0.999)):
        ours.step(given(0.05))
        assert (float(ours.mean[0]), float(ours.deviations()[0])) == (pytest.approx(mu), pytest.approx(sigma))
    assert float(ours.mean[0]) < -0.5 * 5.9


@pytest.mark.parametrize("steps", [390, 780, 6_240])
def test_a_short_run_narrows_as_the_published_one(steps):
    """Sigma over the part of the run that is done, from 1 to a third; gradients of a typical size grow by half."""

    def gradients(part):
        return 0.013 * (1 + part / 2)

    published = recursion(gradients, 19_550, 25_000, 1.0, 1.0, 3e-4, (0.5, 0.999))
    ours = VAdam([torch.zeros(1, dtype=torch.float64)], PosteriorSettings(), steps, 25_000)
    parts = [0.02, 0.05, 0.1, 0.25, 0.5, 1.0]
    known = [published[round(part * 19_550) - 1][1] for part in parts]
    found = {}
    for step in range(1, steps + 1):
        ours.step(given(gradients(step / steps)))
        found[step] = float(ours.deviations()[0])
    assert [found[round(part * steps)] for part in parts] == pytest.approx(known, rel=0.03)
    assert 0.3 < known[-1] < 0.4
    assert known[0] > 1.5 * known[-1]


def test_the_decays_of_the_published_run_are_the_published_ones():
    for cls in (VAdam, BayesByBackprop):
        ours = cls([torch.zeros(1, requires_grad=True)], PosteriorSettings(), 19_550, 25_000)
        assert list(ours.betas) == [0.5, 0.999]
        short = cls([torch.zeros(1, requires_grad=True)], PosteriorSettings(), 1_955, 25_000)
        assert list(short.betas) == [0.5, pytest.approx(0.999**10)]
    assert short.adam.param_groups[0]["betas"] == short.betas


@pytest.mark.parametrize("curvature", ["magnitude", "exact"])
def test_eq_17_as_it_stands(curvature):
    """Two steps by hand, with the momentum's factor (s + d) / (s' + d)."""
    options = {"sqrt": False, "curvature": curvature, "beta1": 0.7, "beta2": 0.8, "initial_precision": 5.0}
    ours = one_number(options)
    d, s, before, mu = 0.1, (5 - 1) / 10, 0.5, 0.5
    for gradients, diagonal in [((1.0, 2.0), (3.0, 1.0)), ((-0.5, 1.5), (2.0, 4.0)), ((0.2, 0.1), (-3.0, 1.0))]:
        g = sum(gradients) / 2
        h = max(sum(diagonal) / 2, 0) if curvature == "exact" else sum(g * g for g in gradients) / 2
        after = 0.8 * s + 0.2 * h
        ours.step(given(*gradients, curvature=diagonal))
        step = -0.1 * (g + d * mu) / (after + d) + 0.7 * (s + d) / (after + d) * (mu - before)
        s, before, mu = after, mu, mu + step
        assert (float(ours.mean[0]), float(ours.curvature[0])) == (pytest.approx(mu), pytest.approx(s))


def test_bayes_by_backprop_descends_the_bound():
    """Adam's first step is against the sign of the gradient; its moments hold the gradient of the bound itself."""
    ours = one_number({"prior_precision": 2.0, "initial_precision": 4.0}, cls=BayesByBackprop)
    assert float(ours.deviations()[0]) == pytest.approx(0.5)
    mu, rho = (one.detach().clone().requires_grad_() for one in (ours.mean[0], ours.rho[0]))

    def bound(noise):
        sigma = torch.nn.functional.softplus(rho)
        q, prior = torch.distributions.Normal(mu, sigma), torch.distributions.Normal(0.0, 2**-0.5)
        return 3 * (mu + sigma * noise).square().sum() + torch.distributions.kl_divergence(q, prior).sum() / 10

    noises = (0.3, -1.1)
    expected = torch.autograd.grad((bound(noises[0]) + bound(noises[1])) / 2, [mu, rho])
    seen = []
    for noise in noises:
        (theta,) = ours.at([torch.tensor([noise], dtype=torch.float64)])
        seen += given(float(6 * theta.detach()), noise=noise)
    ours.step(seen)
    for parameter, gradient in zip((ours.mean[0], ours.rho[0]), expected, strict=True):
        torch.testing.assert_close(ours.adam.state[parameter]["exp_avg"], 0.5 * gradient, rtol=1e-6, atol=1e-9)
        assert float(parameter.detach() - (mu if parameter is ours.mean[0] else rho).detach()) == pytest.approx(
            -0.1 * float(gradient.sign()), rel=1e-4
        )


# --- a known posterior ----------------------------------------------------------------------------------------------

PRECISION = 2.0  # a: the loss of an example x is a (theta - x)^2 / 2
COPIES = 200  # independent problems, side by side


def learnt(cls, examples, batch=None, steps=1500, lr=0.05, **options):
    """(mean, deviation, posterior's mean, posterior's deviation) after learning from that many numbers, at the end
    averaged over steps.
    """
    generator = torch.Generator().manual_seed(0)
    x = 1 + torch.randn(examples, COPIES, generator=generator, dtype=torch.float64) / PRECISION**0.5
    whole = x.mean(0)
    settings = PosteriorSettings(lr_times_steps=lr * steps, beta2=0.97, published_steps=steps, **options)
    ours = cls([torch.zeros(COPIES, dtype=torch.float64)], settings, steps, examples)
    means, deviations = [], []
    for step in range(steps):
        if step == steps // 2:
            ours.lr /= 10
            if cls is BayesByBackprop:
                ours.adam.param_groups[0]["lr"] /= 10
        seen = whole if batch is None else x[torch.randint(examples, (batch,), generator=generator)].mean(0)
        noise = ours.noise(generator)
        (theta,) = ours.at(noise)
        gradient = PRECISION * (theta.detach() - seen)
        ours.step([Drawn(noise, [gradient], [torch.full_like(gradient, PRECISION)])])
        if step > steps * 3 // 4:
            means.append(ours.mean[0].detach().clone())
            deviations.append(ours.deviations()[0])
    exact = examples * PRECISION + 1.0
    known = examples * PRECISION * whole / exact, exact**-0.5
    return torch.stack(means).mean(0), float(torch.stack(deviations).mean()), *known


def off(mean, known, width):
    """How far the means are off, in the posterior's widths."""
    return float((mean - known).square().mean().sqrt()) / width


@pytest.mark.parametrize("examples", [100, 10_000])
def test_exact_curvature_finds_the_posterior(examples):
    mean, width, known, known_width = learnt(VAdam, examples, curvature="exact", sqrt=False)
    assert off(mean, known, known_width) < 0.3
    assert width == pytest.approx(known_width, rel=1e-3)


@pytest.mark.parametrize(("examples", "sqrt"), [(100, True), (10_000, True), (10_000, False)])
def test_squared_gradients_find_the_mean_but_not_the_width(examples, sqrt):
    """It is too wide by N^(1/4). Without the root a step is lr / |g|: it starts narrow, or it is flung far away."""
    start = 1.0 if sqrt else 1.0 * examples
    mean, width, known, known_width = learnt(VAdam, examples, lr=0.02, sqrt=sqrt, initial_precision=start)
    assert width / known_width == pytest.approx(examples**0.25, rel=0.1)
    assert off(mean, known, width) < 0.2


def test_noise_of_the_batches_widens_less():
    """With batches of B the squares hold the batch's noise too: N a^2 sigma^2 (sigma^2 + 1 / (a B)) = 1."""
    examples, batch = 10_000, 4
    _, width, _, known_width = learnt(VAdam, examples, batch, lr=0.02)
    noise = 1 / (PRECISION * batch)
    variance = -noise / 2 + (noise**2 / 4 + 1 / (examples * PRECISION**2)) ** 0.5
    assert width == pytest.approx(variance**0.5, rel=0.05)
    assert width / known_width == pytest.approx(batch**0.5, rel=0.1)


def test_bayes_by_backprop_finds_the_posterior():
    mean, width, known, known_width = learnt(BayesByBackprop, 100)
    assert off(mean, known, known_width) < 0.3
    assert width == pytest.approx(known_width, rel=0.05)


# --- the rest -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [VAdam, BayesByBackprop])
def test_it_goes_on_where_it_was(cls):
    one, other = (cls([t.requires_grad_() for t in tensors()], PosteriorSettings(), 20, 50) for _ in range(2))
    for step in range(3):
        one.step(draws(step))
    saved = copy.deepcopy(to_tree(one)), copy.deepcopy(to_tree(one.mean))
    load_tree(other, saved[0])
    load_tree(other.mean, saved[1])
    for posterior in (one, other):
        posterior.step(draws(9))
    for mine, theirs in zip([*one.mean, *one.deviations()], [*other.mean, *other.deviations()], strict=True):
        assert torch.equal(mine, theirs)


def test_draws_are_differentiable_in_the_mean():
    ours = VAdam([t.requires_grad_() for t in tensors()], PosteriorSettings(initial_precision=4.0), 1, 50)
    noise = ours.noise(torch.Generator().manual_seed(0))
    for theta, mu, one in zip(ours.at(noise), ours.mean, noise, strict=True):
        torch.testing.assert_close(theta, mu + 0.5 * one)
        assert torch.equal(torch.autograd.grad(theta.sum(), mu)[0], torch.ones_like(mu))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"initial_precision": 0.5}, "data only add to it"),
        ({"curvature": "exact"}, "sqrt=false"),
        ({"curvature": "exact", "sqrt": False, "squares": "square-of-mean"}, "squared gradients"),
    ],
)
def test_what_does_not_go_together_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        build(PosteriorSettings, wrong, "method.adam")
