"""The NAS-Bench-201 space against the benchmark's published strings, order and counts."""

import csv
import itertools
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.graphs import Graph
from supernas.spaces.nas_bench_201 import OPERATIONS

SPACE = spaces.get("nas-bench-201")
CELLS = st.tuples(*[st.integers(0, 4)] * 6).map(Architecture.of)
SEEDS = st.integers(0, 2**32 - 1)

PUBLISHED = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    1: "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    9: "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    857: "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    1462: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    1835: "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
    4317: "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_1x1~0|nor_conv_1x1~1|nor_conv_1x1~2|",
    6111: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    7581: "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
    9930: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    11472: "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
}


@pytest.fixture(scope="module")
def cells():
    return list(SPACE)


# --- text and order -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("index", "text"), PUBLISHED.items())
def test_published_indices(index, text):
    assert SPACE.format(SPACE[index]) == text
    assert SPACE.parse(text) == SPACE.parse(str(index)) == SPACE[index]
    assert SPACE.index(SPACE[index]) == index


def test_every_string_in_the_order_of_the_benchmarks_table(data_root, cells):
    table = data_root / "nas-bench-201" / "accuracies.csv"
    if not table.exists():
        pytest.skip(f"no {table}")
    with table.open(newline="") as file:
        strings = [row["arch"] for row in csv.DictReader(file)]
    assert [SPACE.format(cell) for cell in cells] == strings


def test_every_cell_has_one_index_and_one_string(cells):
    assert len(SPACE) == len(set(cells)) == 15_625
    assert [SPACE.index(cell) for cell in cells] == list(range(15_625))
    assert len({SPACE.format(cell) for cell in cells}) == 15_625
    assert all(SPACE.contains(cell) for cell in cells)


def test_the_reference_architectures_are_the_published_cells():
    assert {name: SPACE.index(cell) for name, cell in SPACE.reference_architectures.items()} == {
        "largest cell (all 3x3)": 1462,
        "ResNet cell": 11472,
    }


def test_operations_are_counted():
    counts = SPACE.operation_counts(SPACE.reference_architectures["ResNet cell"])
    assert counts == {"nor_conv_3x3": 2, "none": 2, "skip_connect": 2}


@given(CELLS)
def test_format_and_parse_are_inverse(cell):
    assert SPACE.parse(SPACE.format(cell)) == cell


@given(CELLS, SEEDS)
def test_parse_does_not_mind_spaces_aliases_or_the_order_within_a_node(cell, seed):
    rng = np.random.default_rng(seed)
    short = {"nor_conv_3x3": "conv_3x3", "nor_conv_1x1": "conv1x1", "skip_connect": "skip", "none": "zero"}
    groups = []
    for group in SPACE.format(cell).split("+"):
        edges = [token.split("~") for token in group.strip("|").split("|")]
        tokens = [f" {short.get(operation, operation)}~{source} " for operation, source in edges]
        groups.append("|" + "|".join(rng.permutation(tokens)) + "|")
    assert SPACE.parse("  " + " + ".join(groups) + "\n") == cell


def test_naslib_tuples_use_naslibs_edges_and_operations():
    # NASLib: edges 0->1, 0->2, 0->3, 1->2, 1->3, 2->3; operations skip, none, 3x3, 1x1, average
    cell = SPACE.parse("(2, 1, 0, 2, 3, 4)")
    assert SPACE.format(cell) == (
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|avg_pool_3x3~2|"
    )
    assert SPACE.parse("[2,1,0,2,3,4]") == cell


MISTAKES = {
    "15625": "15625",
    "9" * 5000: "9999",
    "(0, 1, 2, 3, 4)": "(0, 1, 2, 3, 4)",
    "(0, 1, 2, 3, 4, 5)": "(0, 1, 2, 3, 4, 5)",
    f"(0, 1, 2, 3, 4, {'9' * 5000})": "(0, 1, 2",
    "": "''",
    "|none~0|+|none~0|none~1|": "2 node group",
    "|none~0|+|none~0|+|none~0|none~1|none~2|": "node 2",
    "|none~0|+|none~0|none~0|+|none~0|none~1|none~2|": "twice",
    "|none~1|+|none~0|none~1|+|none~0|none~1|none~2|": "none~1",
    "|none|+|none~0|none~1|+|none~0|none~1|none~2|": "'none'",
    "|nor_conv_3x4~0|+|none~0|none~1|+|none~0|none~1|none~2|": "did you mean 'nor_conv_3x3'",
    "|no\nne~0|+|none~0|none~1|+|none~0|none~1|none~2|": "no ne",
}


@pytest.mark.parametrize(("text", "named"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_mistakes_are_named_in_one_line(text, named):
    with pytest.raises(UserError) as error:
        SPACE.parse(text)
    assert named in str(error.value)
    assert len(str(error.value).splitlines()) == 1


TOKENS = st.sampled_from([*OPERATIONS, "|", "~", "+", "0", "1", "2", "3", " ", "\n", "(", ")", ",", "|+|", "~0|"])


@given(st.one_of(st.text(), st.lists(TOKENS, max_size=30).map("".join)))
@example("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|x")
@example("\u2028~0|+|a~0|b~1|+|a~0|b~1|c~2|")
def test_any_text_is_a_cell_or_a_users_error_of_one_line(text):
    try:
        assert SPACE.contains(SPACE.parse(text))
    except UserError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either will do


@pytest.mark.parametrize("number", [-1, 15_625])
def test_there_is_no_other_index(number):
    with pytest.raises(IndexError, match="15624"):
        SPACE[number]


# --- equivalence ----------------------------------------------------------------------------------------------------


def test_published_number_of_isomorphism_classes(cells):
    assert len({SPACE.canonical(cell) for cell in cells}) == 6_466


def test_number_of_live_sets_and_of_cells_with_dead_edges(cells):
    live = [SPACE.live(cell) for cell in cells]
    assert len(set(live)) == 9_445
    not_none = [sum(OPERATIONS[option] != "none" for option in cell.options) for cell in cells]
    assert sum(len(alive) < count for alive, count in zip(live, not_none, strict=True)) == 6_180


@given(CELLS)
def test_live_pairs_are_those_on_some_path_of_the_list_of_all_paths(cell):
    edges = {(1, 0): 0, (2, 0): 1, (2, 1): 2, (3, 0): 3, (3, 1): 4, (3, 2): 5}
    alive = set()
    for nodes in ((0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)):
        path = [edges[to, source] for source, to in itertools.pairwise(nodes)]
        if all(OPERATIONS[cell.options[edge]] != "none" for edge in path):
            alive |= {(edge, cell.options[edge]) for edge in path}
    assert set(SPACE.live(cell)) == alive


# --- moving about ---------------------------------------------------------------------------------------------------


@given(CELLS)
def test_neighbours(cell):
    near = SPACE.neighbours(cell)
    assert len(set(near)) == len(near) == 24
    assert all(SPACE.contains(one) and SPACE.distance(cell, one) == 1 for one in near)


@given(CELLS, CELLS, CELLS)
def test_distance_is_a_metric(a, b, c):
    assert SPACE.distance(a, b) == SPACE.distance(b, a) <= 6
    assert (SPACE.distance(a, b) == 0) == (a == b)
    assert SPACE.distance(a, c) <= SPACE.distance(a, b) + SPACE.distance(b, c)


@given(CELLS, CELLS, SEEDS)
def test_complement_fulfils_the_papers_conditions(current, previous, seed):
    complement = SPACE.complement(current, previous, np.random.default_rng(seed))
    now, before, other = (set(cell.pairs) for cell in (current, previous, complement))
    assert SPACE.contains(complement)
    assert not before & other
    assert now <= before | other


def test_complement_of_a_cell_and_itself_draws_every_other_operation():
    cell, rng = SPACE[1462], np.random.default_rng(0)
    drawn = np.array([SPACE.complement(cell, cell, rng).options for _ in range(400)])
    counts = np.stack([(drawn == option).sum(0) for option in range(5)], 1)
    assert (counts[:, 3] == 0).all()
    assert (abs(counts[:, [0, 1, 2, 4]] - 100) < 40).all()  # 40 is 4.6 standard deviations


def test_samples_are_uniform_independent_and_seeded():
    def draw(seed):
        rng = np.random.default_rng(seed)
        return np.array([SPACE.sample(rng).options for _ in range(2500)])

    drawn = draw(0)
    assert (drawn == draw(0)).all()
    assert (drawn != draw(1)).any()
    for one, other in itertools.combinations(range(6), 2):
        together = np.bincount(drawn[:, one] * 5 + drawn[:, other], minlength=25)
        assert ((together - 100) ** 2 / 100).sum() < 60  # chi-square with 24 degrees of freedom: p = 6e-5


# --- matrices, pictures and graphs ----------------------------------------------------------------------------------


@given(CELLS)
def test_matrices_and_derive_are_inverse(cell):
    matrices = SPACE.matrices(cell)
    assert {kind: matrix.shape for kind, matrix in matrices.items()} == SPACE.shapes == {"cell": (6, 5)}
    assert matrices["cell"].sum() == 6
    assert SPACE.derive(matrices) == cell


def test_picture_names_the_edges_of_the_text():
    names = [f"{target}<-{source}" for source, target in map(SPACE.ends, range(6))]
    assert names == [choice.name for choice in SPACE.choices]
    assert len(SPACE.node_names("cell")) == 4


@given(CELLS)
def test_graphs(cell):
    graph = SPACE.to_graph(cell)
    assert SPACE.graph_family.contains(graph)
    assert SPACE.from_graph(graph) == cell
    vertices = SPACE.graph_family.vertices
    pairs = [vertices[v].pairs[graph.predecessors[v][0], graph.types[v]] for v in SPACE.graph_family.varying]
    assert tuple(sorted(pairs)) == cell.pairs


def test_a_graph_as_published():
    o = SPACE[9].options
    assert SPACE.to_graph(SPACE[9]) == Graph(
        (5, 6, o[0], 6, o[1], o[2], 6, o[3], o[4], o[5], 6, 7),
        ((), (0,), (1,), (2,), (1,), (3,), (4, 5), (1,), (3,), (6,), (7, 8, 9), (10,)),
    )


def test_a_graph_of_another_family_is_refused():
    graph = SPACE.to_graph(SPACE[9])
    with pytest.raises(ValueError, match="not the graph"):
        SPACE.from_graph(Graph((6, *graph.types[1:]), graph.predecessors))


@pytest.mark.parametrize("options", [[], [0], [0, 0, 0, 0, 0, 5], [0] * 7, [0, 0, 0, 0, 0, -1]], ids=str)
def test_what_is_not_a_cell(options):
    assert not SPACE.contains(Architecture.of(options))
    assert SPACE.contains(Architecture.of([0] * 6))


@given(CELLS)
def test_an_architecture_survives_json(cell):
    assert Architecture(tuple(map(tuple, json.loads(json.dumps(cell.pairs))))) == cell
