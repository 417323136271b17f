"""Sets of architectures that together take every option of every choice."""

from collections import Counter

import numpy as np
import pytest
from torch import nn

import supernas
from supernas import spaces
from supernas.spaces.darts.slots import NodeSlots


def made(seed, space, without=None):
    return space.latin(np.random.default_rng(seed), without)


def test_every_option_of_every_choice_once():
    space = spaces.get("nas-bench-201")
    sets = [made(seed, space) for seed in range(20)]
    for one in sets:
        assert Counter(pair for architecture in one for pair in architecture.pairs) == dict.fromkeys(space.pairs, 1)
    assert sets[0] == made(0, space) != sets[1]
    # each gene has an order of its own: the options of two choices meet in all ways
    assert len({architecture.options[:2] for one in sets for architecture in one}) == 25


def test_each_of_a_set_is_a_uniform_draw():
    space = spaces.get("nas-bench-201")
    for place in (0, 4):
        counts = Counter(pair for seed in range(2000) for pair in made(seed, space)[place].pairs)
        assert max(abs(counts[pair] - 400) for pair in space.pairs) < 5 * np.sqrt(2000 * 0.2 * 0.8)


class Uneven(nn.Module):
    def __init__(self):
        super().__init__()
        self.few = supernas.Choice("few", {name: nn.Identity() for name in "ab"})
        self.many = supernas.Choice("many", {name: nn.Identity() for name in "abcde"})


def test_smaller_choices_repeat_their_options_evenly():
    space = supernas.ModelSpace(Uneven)
    repeated = Counter()
    for seed in range(20):
        drawn = made(seed, space)
        assert len(drawn) == 5
        counts = Counter(pair for architecture in drawn for pair in architecture.pairs)
        assert {counts[1, option] for option in range(5)} == {1}
        assert sorted(counts[0, option] for option in range(2)) == [2, 3]
        repeated[counts[0, 0]] += 1
    assert set(repeated) == {2, 3}  # now the one more often, now the other


def test_genes_of_a_recurrent_cell():
    space = spaces.get("darts-rnn")
    drawn = made(0, space)
    assert len(drawn) == max(space.gene_sizes) == 32
    for place, size in enumerate(space.gene_sizes):
        counts = Counter(space.genes(architecture)[place] for architecture in drawn)
        assert set(counts) == set(range(size))
        assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("inputs", ["any", "distinct"])
@pytest.mark.parametrize("apart", [False, True])
def test_a_convolutional_cell_takes_its_slots_in_twos(inputs, apart):
    space = spaces.get("darts-cnn", {"inputs": inputs})
    generator = np.random.default_rng(0)
    for seed in range(10):
        without = space.sample(generator) if apart else None
        drawn = made(seed, space, without)
        assert all(space.contains(one) for one in drawn)
        left_out = set(without.pairs) if apart else set()
        assert {pair for one in drawn for pair in one.pairs} == set(space.pairs) - left_out
        largest = max(len(node.slots) for node in space._nodes) - (2 if apart else 0)
        assert len(drawn) == (largest + 1) // 2  # as few as can be
        for node in (space._nodes[3], space._nodes[7]):
            counts = Counter(pair for one in drawn for pair in one.pairs if pair in node.number)
            assert sum(count - 1 for count in counts.values()) == largest % 2


def test_slots_without_an_equal_are_taken_again():
    node = NodeSlots(((0, 0), (0, 1), (0, 2), (1, 0)), distinct=True)
    twos = node.covering(range(4), np.random.default_rng(0))
    assert sorted(twos) == sorted({(number, 3) for number in range(3)})


@pytest.mark.parametrize("name", ["nas-bench-201", "darts-rnn", "darts-cnn"])
def test_complements_cover_what_the_previous_leaves_out_and_nothing_else(name):
    space = spaces.get(name)
    generator = np.random.default_rng(0)
    for seed in range(10):
        previous = space.sample(generator)
        drawn = made(seed, space, previous)
        assert all(not set(one.pairs) & set(previous.pairs) for one in drawn)
        taken = {pair for one in drawn for pair in one.pairs}
        everything = {pair for s in range(40) for one in made(s, space) for pair in one.pairs}
        assert taken == everything - set(previous.pairs)
        if name == "nas-bench-201":
            assert len(drawn) == 4
