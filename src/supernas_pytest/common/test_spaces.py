"""What every space must do, with its network and its presets."""

from collections.abc import Iterator

import numpy as np
import torch

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.data import kinds
from supernas.networks.costs.cost import cost
from supernas.runs import presets
from supernas.runs.configuration import read_space, space_document
from supernas.spaces.base import Space
from supernas_pytest.parts import Parts, each
from supernas_pytest.toys import alone, config_of

__all__ = [
    "alone",
    "test_a_network_is_a_path_of_its_supernet",
    "test_a_space_is_read_back_and_has_what_a_run_needs",
    "test_architectures_are_text_genes_and_graphs",
    "test_moving_about_stays_in_the_space",
]

_DRAWS = 12


def _drawn(space: Space) -> Iterator[Architecture]:
    generator = np.random.default_rng(3)
    return (space.sample(generator) for _ in range(_DRAWS))


@each("space")
def test_a_space_is_read_back_and_has_what_a_run_needs(name: str) -> None:
    """Its name, its kind of data, presets for every size; nodes and ends that can be drawn; numbers that go round."""
    space = spaces.get(name)
    assert space.name == name, "a run is read back by this name"
    assert read_space(space_document(space)) == space
    assert kinds.get(space.data_kind)
    known = presets.get(space.family)
    assert {"demo", "cpu", "paper"} <= set(known.search) <= set(known.train) == set(known.meanings)
    for choice, point in enumerate(space.choices):
        source, target = space.ends(choice)
        assert 0 <= source < target < len(space.node_names(point.kind))
        assert len(set(point.options)) == len(point.options)
    if space.enumerable:
        for number in {0, len(space) // 2, len(space) - 1}:
            assert space.index(space[number]) == number


@each("space")
def test_architectures_are_text_genes_and_graphs(name: str) -> None:
    """Text, genes and graphs are read back as the same architecture; the largest of weights is a legal one."""
    space = spaces.get(name)
    for one in _drawn(space):
        assert space.contains(one)
        assert space.parse(space.format(one)) == one
        assert "\n" not in space.format(one)
        genes = space.genes(one)
        assert all(0 <= gene < size for gene, size in zip(genes, space.gene_sizes, strict=True))
        assert space.from_genes(genes) == one
        assert space.contains(space.derive(space.matrices(one)))
        graphs = space.to_graphs(one)
        assert all(space.graph_family.contains(graph) for graph in graphs)
        assert space.from_graphs(graphs) == one
        assert set(space.live(one)) <= set(one.pairs)
        assert space.canonical(one)


@each("space")
def test_genes_are_given_back_where_they_are_said_to_be_exact(name: str) -> None:
    """Whatever their values: of the space's own draws they are given back in any case."""
    space, generator = spaces.get(name), np.random.default_rng(0)
    drawn = [tuple(int(generator.integers(size)) for size in space.gene_sizes) for _ in range(60)]
    assert all(space.genes(space.from_genes(genes)) == genes for genes in drawn) == space.exact_genes


@each("space")
def test_moving_about_stays_in_the_space(name: str) -> None:
    """Neighbours, complements and arrangements are legal; a complement keeps E2NAS's conditions."""
    space, generator = spaces.get(name), np.random.default_rng(0)
    before = space.sample(generator)
    for one in _drawn(space):
        other = space.complement(one, before, generator)
        assert space.contains(other)
        assert not set(other.pairs) & set(before.pairs)
        assert set(one.pairs) <= set(other.pairs) | set(before.pairs)
        assert space.distance(one, one) == 0
        before = one
    around = space.neighbours(before)
    assert around
    assert all(space.contains(near) and space.distance(before, near) == 1 for near in around)
    assert all(map(space.contains, space.latin(generator)))


@each("space")
def test_a_network_is_a_path_of_its_supernet(supernas_parts: Parts, name: str) -> None:
    """With the same weights both give the same, exactly; and its cost can be counted."""
    space = spaces.get(name)
    config = config_of(supernas_parts, name, "random-nas", "plain")
    data = config.data.load()
    size = {**data.network, **space.network_class.size_of(config.supernet)}
    supernet = space.supernet(**{**data.network, **vars(config.supernet)}).eval()  # dropout draws for each pass
    inputs = data.few(torch.device("cpu")).inputs
    for one in list(_drawn(space))[:3]:
        network = space.network_class(space, pairs=one.pairs, **{**data.network, **vars(config.supernet)})
        network.load_state_dict({key: supernet.state_dict()[key] for key in network.state_dict()})
        network.eval()
        path = supernet(inputs, active=one.pairs).prediction
        assert torch.equal(network(inputs, active=one.pairs).prediction, path)
        counted = cost(space.standalone(one, **size), data.input_shape, dtype=data.input_type)
        assert counted.parameters > 0
