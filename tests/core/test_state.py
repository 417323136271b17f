"""States to trees of plain values and back, through a file that is read with `weights_only`."""

import io
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.state import UNSAVED, State, load_tree, to_tree

PAIRS = st.tuples(st.integers(0, 20), st.integers(0, 9))
ARCHITECTURES = st.lists(PAIRS, max_size=6).map(lambda pairs: Architecture(tuple(pairs)))
TENSORS = st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(torch.tensor)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False)
KEYS = st.text(max_size=3) | st.integers(0, 9)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | ARCHITECTURES | TENSORS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@dataclass
class Inner(State):
    values: Any = None
    generator: torch.Generator = field(default_factory=torch.Generator)


@dataclass
class Outer(State):
    setup: object = field(metadata=UNSAVED)
    inner: Inner = field(default_factory=Inner)
    layer: torch.nn.Linear = field(default_factory=lambda: torch.nn.Linear(2, 3))
    alpha: Tensor = field(default_factory=lambda: torch.zeros(2, requires_grad=True))
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    visits: deque = field(default_factory=lambda: deque(maxlen=3))
    pair: tuple = ()
    best: Architecture | None = None
    perhaps: Tensor | None = None
    states: list[Inner] = field(default_factory=lambda: [Inner(), Inner()])


def through_a_file(tree):
    file = io.BytesIO()
    torch.save(tree, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def same(one, other):
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple | deque):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(VALUES, VALUES)
def test_any_value_replaces_any_other(before, after):
    one, other = Inner(after), Inner(before)
    other.load(through_a_file(one.tree()))
    assert same(other.values, after)


def test_a_state_with_a_field_of_every_kind():
    def moved():
        one = Outer(object())
        one.inner.values = {"a": [1, 2.5, None], "b": torch.arange(3)}
        torch.rand(3, generator=one.inner.generator)
        torch.nn.init.ones_(one.layer.weight)
        with torch.no_grad():
            one.alpha += torch.tensor([1.0, 2.0])
        one.rng.integers(10, size=5)
        one.visits.extend(Architecture.of([number]) for number in range(5))
        one.pair, one.best, one.perhaps = (1, "x"), Architecture.of([1, 2]), torch.ones(2)
        one.states[1].values = "second"
        return one

    one, other = moved(), Outer(setup := object())
    alpha, weight, generator = other.alpha, other.layer.weight, other.inner.generator
    other.load(through_a_file(one.tree()))
    assert same(other.tree(), one.tree())
    assert other.setup is setup  # unsaved
    assert other.alpha is alpha  # an optimiser may hold it: changed in place
    assert alpha.requires_grad
    assert other.layer.weight is weight
    assert other.inner.generator is generator
    assert other.visits == one.visits
    assert other.visits.maxlen == 3
    assert other.pair == (1, "x")
    assert other.best == one.best
    assert torch.equal(torch.rand(2, generator=one.inner.generator), torch.rand(2, generator=other.inner.generator))
    assert one.rng.integers(1000) == other.rng.integers(1000)
    back = Outer(setup)
    other.load(through_a_file(back.tree()))  # and from full to empty
    assert same(other.tree(), back.tree())


def test_a_tree_is_a_copy_of_what_a_step_changes():
    one = Outer(None)
    tree = one.tree()
    with torch.no_grad():
        one.alpha += 1
    one.visits.append(Architecture.of([0]))
    assert torch.equal(tree["alpha"], torch.zeros(2))
    assert tree["visits"] == []


def test_an_optimiser_and_a_tensor_of_another_shape():
    weight = torch.ones(2, requires_grad=True)
    adam = torch.optim.Adam([weight], lr=0.1)
    weight.grad = torch.ones(2)
    adam.step()
    tree = through_a_file(to_tree(adam))
    fresh = torch.optim.Adam([torch.ones(2, requires_grad=True)], lr=0.1)
    assert load_tree(fresh, tree) is fresh
    assert same(through_a_file(to_tree(fresh))["state"], tree["state"])
    grown = torch.zeros(0)
    assert load_tree(grown, torch.arange(3.0)) is grown
    assert torch.equal(grown, torch.arange(3.0))


def test_another_states_tree_is_refused():
    with pytest.raises(ValueError, match=r"Inner has \['generator', 'values'\], the saved state has \['x'\]"):
        Inner().load({"x": 1})


def test_what_cannot_be_saved_is_refused_when_saving():
    with pytest.raises(TypeError, match="a object cannot be part of a state"):
        to_tree([object()])
