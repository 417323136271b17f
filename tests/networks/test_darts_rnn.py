"""The recurrent network against its equations, written out node by node, and against published sizes."""

import numpy as np
import pytest
import torch

from crossings import META, crossings
from supernas import spaces
from supernas.core.errors import UserError
from supernas.networks.base import Mixture
from supernas.networks.costs.cost import cost

SPACE = spaces.get("darts-rnn")
V2 = SPACE.parse("DARTS_V2")
WORDS, UNITS, TIME, BATCH = 11, 5, 4, 3
PLAIN = dict.fromkeys(("dropout", "dropouti", "dropoute", "dropoutx", "dropouth", "temporal_penalty"), 0.0)
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda x: x}


def supernet(form="search", **settings):
    network = SPACE.supernet(num_classes=WORDS, form=form, units=UNITS, **{**PLAIN, **settings}).double()
    for parameter in network.parameters():  # larger than usual, so that activations differ
        torch.nn.init.uniform_(parameter, -1, 1)
    return network


def words(seed=0):
    return torch.randint(WORDS, (TIME, BATCH), generator=torch.Generator().manual_seed(seed))


def as_weights(architecture):
    return {"recurrent": torch.from_numpy(SPACE.matrices(architecture)["recurrent"])}


def slow(network, x, matrix, state=None, mask_x=1.0, mask_h=1.0, mask_out=1.0):
    """Logits and states of embeddings x [time, batch, units]: one predecessor and one operation after the other."""

    def norm(value):
        if network.form == "evaluation":
            return value
        return (value - value.mean(0)) / (value.var(0, correction=0) + 1e-5).sqrt()

    state = torch.zeros(x.shape[1], UNITS, dtype=x.dtype) if state is None else state
    logits, states = [], []
    for step in x:
        W0 = torch.cat([network.from_input.weight, network.from_state.weight], 1)
        gate, candidate = (torch.cat([step * mask_x, state * mask_h], 1) @ W0.T).split(UNITS, 1)
        nodes = [norm(state + gate.sigmoid() * (candidate.tanh() - state))]
        for node in range(1, 9):
            total = torch.zeros_like(state)
            for choice, row in zip(SPACE.choices, matrix, strict=True):
                to, source = map(int, choice.name.split("<-"))
                if to != node:
                    continue
                gate, candidate = ((nodes[source] * mask_h) @ network.nodes[node - 1].weight.T).split(UNITS, 1)
                for name, weight in zip(choice.options, row, strict=True):
                    if name != "none":
                        value = nodes[source] + gate.sigmoid() * (ACTIVATIONS[name](candidate) - nodes[source])
                        total = total + weight * value
            nodes.append(norm(total))
        state = sum(nodes[1:]) / 8
        states.append(state)
        logits.append((state * mask_out) @ network.decoder.weight.T + network.decoder.bias)
    return torch.cat(logits), torch.stack(states)


def close(one, other):
    return torch.allclose(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("form", ["search", "evaluation"])
def test_a_path_is_the_mixture_of_its_0_1_weights_and_the_stand_alone_network(form):
    network = supernet(form)
    for cell in [V2, *(SPACE.sample(np.random.default_rng(seed)) for seed in range(5))]:
        path = network(words(), active=cell.pairs)
        expected, states = slow(network, network.embed(words()), SPACE.matrices(cell)["recurrent"])
        assert close(path.prediction, expected)
        assert close(path.features, states.flatten(0, 1))
        assert close(path.carry[0], states[-1])
        assert close(network(words(), as_weights(cell)).prediction, expected)
        assert close(network(words(), as_weights(cell), active=cell.pairs).prediction, expected)
        alone = SPACE.build(cell, num_classes=WORDS, units=UNITS, form=form, **PLAIN).double()
        alone.network.load_state_dict({name: network.state_dict()[name] for name in alone.network.state_dict()})
        assert alone(words()).equal(path.prediction)


@pytest.mark.parametrize("form", ["search", "evaluation"])
def test_a_mixture_is_the_weighted_sum_of_its_active_options(form):
    network, generator = supernet(form), torch.Generator().manual_seed(1)
    W = torch.rand(36, 5, dtype=torch.float64, generator=generator) / 20
    expected, _ = slow(network, network.embed(words()), W)
    assert close(network(words(), {"recurrent": W}).prediction, expected)
    # some options, unevenly: no option at all at node 3, only `none` at node 4
    drawn = torch.rand(36, 5, generator=generator) < 0.4
    drawn[3:6] = False
    drawn[6:10] = torch.tensor([True, False, False, False, False])
    active = tuple((int(choice), int(option)) for choice, option in drawn.nonzero())
    expected, _ = slow(network, network.embed(words()), W * drawn)
    assert close(network(words(), {"recurrent": W}, active=active).prediction, expected)
    active = (*V2.pairs, (0, 2), (35, 1))
    matrix = torch.zeros(36, 5, dtype=torch.float64)
    matrix[tuple(zip(*active, strict=True))] = 1
    expected, _ = slow(network, network.embed(words()), matrix)
    assert close(network(words(), active=active).prediction, expected)


def test_a_mixture_or_path_picks_its_weights_where_they_lie():
    network, W = supernet().to(META), {"recurrent": torch.zeros(SPACE.shapes["recurrent"], device=META).double()}
    with crossings() as seen:
        network(words().to(META), W)
        network(words().to(META), W, active=V2.pairs)
    assert +seen == {"there": 2}  # the words


def test_the_carry_goes_on_where_the_text_was_cut():
    model, text = SPACE.build(V2, num_classes=WORDS, units=UNITS, **PLAIN).double(), words()
    whole = model(text).view(TIME, BATCH, WORDS)
    first = model.output(text[:2])
    assert close(first.prediction, whole[:2].flatten(0, 1))
    assert close(model.output(text[2:], first.carry).prediction, whole[2:].flatten(0, 1))


@pytest.mark.parametrize("unselected", ["skip", "scalar", "run"])
def test_how_gradient_reaches_options_that_did_not_run(unselected):
    network = supernet()
    W = as_weights(V2)["recurrent"].requires_grad_()
    loss = torch.nn.functional.cross_entropy

    def gradient(**arguments):
        output = network(words(), {"recurrent": W}, **arguments)
        return torch.autograd.grad(loss(output.prediction, words(1).flatten()), W)[0]

    found, full = gradient(active=V2.pairs, unselected=unselected), gradient()
    taken = SPACE.matrices(V2)["recurrent"] == 1
    assert close(found[taken], full[taken])
    if unselected == "run":
        assert close(found, full)  # with their weights 0 nothing flows on behind them
    else:
        assert (found[~taken] != 0).any() == (unselected == "scalar")


def test_gradient_of_a_mixture_by_finite_differences():
    network = supernet()
    W = torch.rand(36, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2), requires_grad=True)
    x = network.embed(words()).detach()
    assert torch.autograd.gradcheck(lambda one: network.after_stem(x, Mixture({"recurrent": one})).prediction, W)


def test_weights_that_no_path_uses_have_no_gradient():
    network = supernet()
    network(words(), active=V2.pairs[:5]).prediction.sum().backward()
    used = [node.weight.grad is not None for node in network.nodes]
    assert used == [True] * 5 + [False] * 3


def test_each_dropout_drops_what_it_says(monkeypatch):
    network = supernet("evaluation", dropout=0.5, dropouti=0.4, dropoute=0.3, dropoutx=0.6, dropouth=0.2)
    masks = []
    drawn = type(network)._mask
    monkeypatch.setattr(
        type(network), "_mask", lambda self, *arguments: masks.append(drawn(self, *arguments)) or masks[-1]
    )
    network.train()
    output = network(words(), active=V2.pairs)
    of_words, of_inputs, of_state, of_x, of_output = masks
    assert [tuple(mask.shape) for mask in masks] == [(WORDS, 1), *[(BATCH, UNITS)] * 4]
    for mask, dropped in zip(masks, (0.3, 0.4, 0.2, 0.6, 0.5), strict=True):
        kept = mask[mask != 0]
        assert torch.allclose(kept, torch.full_like(kept, 1 / (1 - dropped)))
    x = (network.decoder.weight * of_words)[words()] * of_inputs
    expected, states = slow(network, x, SPACE.matrices(V2)["recurrent"], None, of_x, of_state, of_output)
    assert close(output.prediction, expected)
    assert close(output.features, states.flatten(0, 1))
    masks.clear()
    network.eval()
    assert close(network(words(), active=V2.pairs).prediction, supernet_without_dropout(network))
    assert masks == [None] * 5


def supernet_without_dropout(network):
    return slow(network, network.decoder.weight[words()], SPACE.matrices(V2)["recurrent"])[0]


def test_the_penalty_is_of_the_output_and_its_change():
    network = supernet("evaluation", activation_penalty=2.0, temporal_penalty=3.0, dropout=0.5)
    torch.manual_seed(3)
    output = network(words(), active=V2.pairs)
    torch.manual_seed(3)
    mask = torch.empty(BATCH, UNITS, dtype=torch.float64).bernoulli_(0.5) * 2
    hidden = output.features.view(TIME, BATCH, UNITS)
    change = (hidden[1:] - hidden[:-1]) ** 2
    assert close(output.penalty, 2 * ((hidden * mask) ** 2).mean() + 3 * change.mean())
    assert network(words()[:1], active=V2.pairs).penalty.isfinite()
    assert network.eval()(words(), active=V2.pairs).penalty is None


@pytest.mark.parametrize("tracked", [False, True])
def test_statistics_of_the_supernet(tracked):
    network = supernet(batch_norm="tracked" if tracked else "batch").eval()
    alone = network(words()[:, :2], active=V2.pairs).prediction
    together = network(words(), active=V2.pairs).prediction.view(TIME, BATCH, WORDS)[:, :2].flatten(0, 1)
    assert close(alone, together) == tracked
    with pytest.raises(UserError, match="2 or more texts"):
        network(words()[:, :1], active=V2.pairs)


def test_published_sizes():
    """22.96 M at 850 units and a vocabulary of 10,000; 4.81 M in the search."""
    with torch.device("meta"):
        model, searched = SPACE.build("DARTS_V1"), SPACE.supernet()
    assert sum(parameter.numel() for parameter in model.parameters()) == 22_960_000
    assert sum(parameter.numel() for parameter in searched.parameters()) == 4_810_000


def test_cost_of_one_word():
    spent = cost(SPACE.build(V2, num_classes=WORDS, units=UNITS), (1,), dtype=torch.int64)
    cell = 2 * UNITS * 2 * UNITS + 8 * UNITS * 2 * UNITS
    assert spent.multiply_adds == cell + UNITS * WORDS
    assert spent.parameters == spent.multiply_adds + WORDS


def test_initial_weights_are_uniform():
    with torch.random.fork_rng():
        network = SPACE.supernet(num_classes=50, units=40)
    for name, parameter in network.named_parameters():
        if name == "decoder.bias":
            assert not parameter.any()
        else:
            assert parameter.abs().max() <= 0.04
            assert float(parameter.detach().std()) == pytest.approx(0.04 / 3**0.5, rel=0.05)
