"""The recurrent space: published texts, reading without evaluating, and moving about over 8 genes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.runs.cell_picture import cell_svg
from supernas.spaces.darts_rnn import EDGES, OPERATIONS

SPACE = spaces.get("darts-rnn")
CELLS = st.tuples(*(st.integers(0, size - 1) for size in SPACE.gene_sizes)).map(SPACE.from_genes)
SEEDS = st.integers(0, 2**32 - 1)

V2 = (
    "Genotype(recurrent=[('sigmoid', 0), ('relu', 1), ('relu', 1), ('identity', 1), ('tanh', 2), ('sigmoid', 5), "
    "('tanh', 3), ('relu', 5)], concat=range(1, 9))"
)


def test_published_cells():
    assert SPACE.format(SPACE.parse("DARTS_V2")) == SPACE.named["DARTS_V2"] == V2
    pairs = [(OPERATIONS[option], EDGES[edge]) for edge, option in SPACE.parse("DARTS_V1").pairs]
    assert pairs == [
        ("relu", (1, 0)),
        ("relu", (2, 1)),
        ("tanh", (3, 2)),
        ("relu", (4, 3)),
        ("relu", (5, 4)),
        ("identity", (6, 1)),
        ("relu", (7, 5)),
        ("relu", (8, 1)),
    ]
    assert "('sigmoid', 3), ('relu', 4), ('tanh', 3), ('relu', 5)]" in SPACE.named["Random_NSAS"]
    assert SPACE.size == 4**8 * 40320
    assert SPACE.shapes == {"recurrent": (36, 5)}


@given(CELLS)
def test_text_genes_and_graph_are_inverse(cell):
    assert SPACE.contains(cell)
    assert SPACE.parse(SPACE.format(cell)) == cell
    assert SPACE.from_genes(SPACE.genes(cell)) == cell
    assert SPACE.graph_family.contains(SPACE.to_graph(cell))
    assert SPACE.from_graph(SPACE.to_graph(cell)) == cell
    assert SPACE.derive(SPACE.matrices(cell)) == cell


def test_what_people_paste():
    cell = SPACE.parse(V2)
    spread = V2.replace(", (", ",\n   (").replace("'", '"')
    for text in (f"DARTS_V2 = {V2}", spread, V2.replace("range(1, 9)", "[1, 2, 3, 4, 5, 6, 7, 8]")):
        assert SPACE.parse(text) == cell


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("DARTS_V3", "unknown architecture 'DARTS_V3'; did you mean 'DARTS_V2'?"),
        (V2.replace("'tanh', 2", "'tahn', 2"), "unknown operation of node 5 'tahn'; did you mean 'tanh'?"),
        (V2.replace("'tanh', 2", "'none', 2"), "unknown operation of node 5 'none'"),
        (V2.replace("'tanh', 2", "'tanh', 5"), "node 5 reads node 5; wanted one of the nodes 0 to 4"),
        (V2.replace("('tanh', 2), ", ""), "recurrent has 7 (operation, input) pairs; wanted 8"),
        (V2.replace("(1, 9)", "(2, 9)"), "concat = [2, 3, 4, 5, 6, 7, 8]: the output of a cell is the mean of nodes"),
        (V2.replace("'tanh', 2", "open('x'), 2"), "cannot read the genotype at 'open('x')"),
        (V2.replace("recurrent", "normal"), "unknown field of a genotype 'normal'"),
        ("Genotype", "unknown architecture 'Genotype'"),
        ("11", "unknown architecture '11'"),
        ("", "cannot read the genotype at the end"),
        ("[" * 5000, "cannot read the genotype at '[["),
    ],
)
def test_mistakes_are_named_in_one_line(text, message):
    with pytest.raises(UserError) as error:
        SPACE.parse(text)
    assert str(error.value).startswith(message)
    assert len(str(error.value).splitlines()) == 1


@given(st.text(max_size=40) | st.text("[](),'relu0139Gntyp= .-", max_size=40).map(lambda text: f"Genotype({text})"))
@example("Genotype(recurrent=[1, 2, 3, 4, 5, 6, 7, 8], concat=range(1, 9))")
def test_any_text_is_a_cell_or_a_users_error_of_one_line(text):
    try:
        cell = SPACE.parse(text)
    except UserError as error:
        message = str(error)
    else:
        assert SPACE.contains(cell)
        return
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "pairs",
    [
        SPACE.parse(V2).pairs[:7],
        (*SPACE.parse(V2).pairs, (35, 1)),
        (*SPACE.parse(V2).pairs[:7], (36, 1)),
        (*SPACE.parse(V2).pairs[:7], (28, 0)),
        (*SPACE.parse(V2).pairs[:7], (28, 5)),
        (*SPACE.parse(V2).pairs[:7], (27, 1)),
    ],
)
def test_what_is_not_a_cell(pairs):
    assert not SPACE.contains(Architecture(pairs))


def test_none_is_never_derived():
    weights = np.random.default_rng(0).random((36, 5))
    weights[:, 0] = 9
    derived = SPACE.derive({"recurrent": weights})
    assert SPACE.contains(derived)
    for edge, option in derived.pairs:  # the best of all the node's edges and operations
        rows = [other for other, (node, _) in enumerate(EDGES) if node == EDGES[edge][0]]
        assert weights[edge, option] == weights[rows, 1:].max()


@given(CELLS, CELLS, SEEDS)
def test_neighbours_distance_and_complement_count_nodes(one, other, seed):
    differ = sum(pair not in other.pairs for pair in one.pairs)
    assert SPACE.distance(one, other) == differ
    neighbours = SPACE.neighbours(one)
    assert len(set(neighbours)) == sum(4 * node - 1 for node in range(1, 9))
    assert {SPACE.distance(one, neighbour) for neighbour in neighbours} == {1}
    complement = SPACE.complement(one, other, np.random.default_rng(seed))
    assert SPACE.contains(complement)
    assert not set(complement.pairs) & set(other.pairs)
    assert set(one.pairs) <= set(complement.pairs) | set(other.pairs)


@given(CELLS, st.randoms(use_true_random=False))
def test_cells_that_differ_in_the_order_of_nodes_are_the_same(cell, random):
    """Renames the nodes along a random order in which each comes after the one that it reads."""
    nodes = [(EDGES[edge][1], option) for edge, option in cell.pairs]
    new, waiting = {0: 0}, list(range(1, 9))
    while waiting:
        node = random.choice([node for node in waiting if nodes[node - 1][0] in new])
        waiting.remove(node)
        new[node] = len(new)
    renamed = Architecture(
        tuple((EDGES.index((new[node], new[source])), option) for node, (source, option) in enumerate(nodes, start=1))
    )
    assert SPACE.canonical(renamed) == SPACE.canonical(cell)
    other = SPACE.from_genes([(gene + 1) % 4 if place == 7 else gene for place, gene in enumerate(SPACE.genes(cell))])
    assert SPACE.canonical(other) != SPACE.canonical(cell)  # one more of an operation


def test_samples_are_uniform():
    generator = np.random.default_rng(0)
    drawn = [SPACE.genes(SPACE.sample(generator)) for _ in range(4000)]
    counts = np.bincount([genes[7] for genes in drawn], minlength=32)
    assert len(counts) == 32
    assert abs(counts - 125).max() < 5 * np.sqrt(125)


def test_picture():
    assert cell_svg(SPACE, SPACE.parse("DARTS_V2")).count("identity") == 1
