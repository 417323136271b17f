"""SDARTS: what the weights are trained on, against the equations and against a search of the corners."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from alpha_toy import alpha_gradient
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.methods.darts import DARTS
from supernas.methods.sdarts import SDARTS, as_mixture
from supernas.runs.configuration import resolve_search

AT = Progress(30, 100, 3, 10)  # epsilon is 0.03 + 0.3 * 0.27
REACH = 0.03 + 0.3 * 0.27


def begun(start, method, **settings):
    state = start(method, **settings)
    with torch.no_grad():
        state.alpha["cell"].copy_(torch.randn(6, 5, generator=torch.Generator().manual_seed(5)) / 2)
    return state


def loss_at(state, batch, W):
    return float(F.cross_entropy(state.context.network(batch.inputs, {"cell": W}).prediction, batch.targets).detach())


def test_a_random_perturbation_is_uniform_within_epsilon_and_stays_a_mixture(start, toy_batch):
    method = SDARTS()
    state = begun(start, method)
    W = state.alpha["cell"].softmax(-1).detach()
    drawn = torch.stack([method.weights_forward(state, toy_batch(0), AT).W["cell"] for _ in range(400)])
    torch.testing.assert_close(drawn.sum(-1), torch.ones(400, 6, dtype=drawn.dtype))
    assert drawn.min() >= 0
    assert method.reach(AT) == pytest.approx(REACH)
    assert [method.reach(Progress(0, 100, epoch, 10)) for epoch in (0, 10)] == pytest.approx([0.03, 0.3])
    sums = (W + REACH * torch.ones(5, dtype=W.dtype)).sum(-1)
    assert (drawn <= (W + REACH)[None] / (1 - 5 * REACH)).all()
    assert float((drawn - W).std()) == pytest.approx(REACH / 3**0.5, rel=0.15)
    assert sums.min() > 1


def test_with_epsilon_0_it_is_darts_with_alpha_first(start, toy_batch):
    method = SDARTS(epsilon=0, epsilon_start=0)
    state, darts = begun(start, method), begun(start, DARTS())
    for perturbation in ("random", "adversarial"):
        mixture = SDARTS(epsilon=0, epsilon_start=0, perturbation=perturbation).weights_forward(state, toy_batch(0), AT)
        torch.testing.assert_close(mixture.W["cell"], darts.alpha["cell"].softmax(-1).detach())
    assert torch.equal(
        alpha_gradient(SDARTS(), state, toy_batch(0), toy_batch(1), AT)[1][0],
        alpha_gradient(DARTS(), darts, toy_batch(0), toy_batch(1), AT)[1][0],
    ), "alpha is judged without a perturbation"


def test_an_adversarial_perturbation_is_worse_than_what_it_perturbs_and_than_random_ones(start, toy_batch):
    method, batch = SDARTS(perturbation="adversarial"), toy_batch(0)
    state = begun(start, method)
    W = state.alpha["cell"].softmax(-1).detach()
    worst = loss_at(state, batch, method.weights_forward(state, batch, AT).W["cell"])
    random = [loss_at(state, batch, SDARTS().weights_forward(state, batch, AT).W["cell"]) for _ in range(30)]
    assert worst > max(random) > loss_at(state, batch, W)


def test_the_ascent_finds_the_worst_corner_of_a_loss_that_is_a_plane(start):
    """Known: of <c, W> around a flat mixture of two options the worst is the corner of the signs of c's differences."""
    method = SDARTS(perturbation="adversarial", steps=7)
    c = torch.tensor([[1.0, -2.0], [-0.5, 3.0], [1.0, -1.5]], dtype=torch.float64)
    W = torch.full((3, 2), 0.5, dtype=torch.float64)
    mask = {"cell": torch.ones(3, 2, dtype=torch.bool)}
    flat = {"cell": W}
    found = method._worst(lambda at: (c * at["cell"]).sum(), flat, flat, 0.1, mask, lambda gradients: True)["cell"]
    corners = [
        as_mixture({"cell": W + 0.1 * torch.tensor(signs, dtype=torch.float64).view(3, 2)}, mask)["cell"]
        for signs in itertools.product((-1, 1), repeat=6)
    ]
    assert float((c * found).sum()) == pytest.approx(max(float((c * corner).sum()) for corner in corners))


def test_what_was_found_is_left_out_where_it_is_no_worse():
    method = SDARTS(perturbation="adversarial", steps=1)
    W = {"cell": torch.tensor([[0.5, 0.5]], dtype=torch.float64)}
    mask = {"cell": torch.ones(1, 2, dtype=torch.bool)}

    def peak(at):  # W is its only maximum, which a step of 2 epsilon overshoots
        return -(at["cell"][0, 0] - 0.5).abs()

    start = as_mixture({"cell": torch.tensor([[0.45, 0.55]], dtype=torch.float64)}, mask)
    assert torch.equal(method._worst(peak, W, start, 0.3, mask, lambda gradients: True)["cell"], W["cell"])


def test_the_ascent_ends_where_a_gradient_is_not_to_be_followed():
    method = SDARTS(perturbation="adversarial", steps=7)
    W = {"cell": torch.tensor([[0.4, 0.6]], dtype=torch.float64)}
    mask = {"cell": torch.ones(1, 2, dtype=torch.bool)}

    def steep(at):
        return at["cell"][0, 0] * torch.inf

    assert torch.equal(method._worst(steep, W, W, 0.3, mask, lambda gradients: False)["cell"], W["cell"])


def test_a_mixture_without_anything_left_takes_the_largest():
    mask = {"cell": torch.tensor([[True, True, False]])}
    made = as_mixture({"cell": torch.tensor([[-0.3, -0.1, 0.9]])}, mask)["cell"]
    assert made.tolist() == [[0.0, 1.0, 0.0]]


def test_the_weights_are_trained_on_the_perturbed_mixture(start, toy_batch):
    method = SDARTS()
    state = begun(start, method)
    generator = state.generator.get_state()
    W = method.weights_forward(state, toy_batch(0), AT).W["cell"]
    state.generator.set_state(generator)
    expected = loss_at(state, toy_batch(0), W)
    assert float(method.train_weights(state, toy_batch(0), AT)["loss"]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 3}, "perturbation=random has no steps: leave it out"),
        ({"epsilon": 0.01}, "epsilon_start is 0.03, more than epsilon, 0.01"),
    ],
)
def test_settings_that_contradict_each_other(given, message):
    with pytest.raises(UserError, match=message):
        resolve_search({"method": {"name": "sdarts", **given}})
