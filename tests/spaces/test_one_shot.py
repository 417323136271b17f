"""The three spaces of NAS-Bench-1Shot1 against published counts, hashes and constructions."""

import contextlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernas import spaces
from supernas.core.errors import UserError
from supernas.core.graphs import Graph
from supernas.runs.cell_picture import cell_svg
from supernas.spaces.one_shot import OPERATIONS, Module

NAMES = [f"nas-bench-1shot1-{number}" for number in (1, 2, 3)]
ONE, TWO, THREE = map(spaces.get, NAMES)
SEEDS = st.integers(0, 2**32 - 1)
CONV3, CONV1, POOL = OPERATIONS


def drawn(space, seed):
    return space.sample(np.random.default_rng(seed))


def module(matrix, *operations):
    return Module(tuple(map(tuple, matrix)), ("input", *operations, "output"))


# --- modules of NAS-Bench-101 -----------------------------------------------------------------------------------------

FIRST = [
    [0, 1, 0, 0, 1, 1, 0],
    [0, 0, 1, 0, 0, 0, 0],
    [0, 0, 0, 1, 0, 0, 1],
    [0, 0, 0, 0, 0, 1, 0],
    [0, 0, 0, 0, 0, 1, 0],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 0],
]


def test_the_first_module_of_the_benchmark_has_its_published_hash():
    assert module(FIRST, CONV3, POOL, CONV3, CONV3, CONV1).pruned.hash == "00005c142e6f48ac74fdcf73e3439874"


def test_a_hash_by_hand():
    """The MD5s of (edges out, edges in, label), then three rounds over neighbours, then all of them sorted."""
    from hashlib import md5

    def digest(text):
        return md5(text.encode()).hexdigest()

    a, b, c = (digest(text) for text in ("(1, 0, -1)", "(1, 1, 2)", "(0, 1, -2)"))
    for _ in range(3):
        a, b, c = digest(f"|{b}|{a}"), digest(f"{a}|{c}|{b}"), digest(f"{b}||{c}")
    assert module([[0, 1, 0], [0, 0, 1], [0, 0, 0]], POOL).hash == digest(str(sorted([a, b, c])))


def test_isomorphic_modules_share_their_hash_and_others_do_not():
    """As the benchmark's own tests have it."""
    edges = [[0, 1, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    other = [[0, 1, 0, 1, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    assert module(edges, CONV3, CONV1, POOL).hash == module(other, CONV1, POOL, CONV3).hash
    assert module(edges, CONV3, CONV1, POOL).hash != module(edges, CONV1, POOL, CONV3).hash
    chain = [[0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert module(chain, CONV1, CONV3).hash != module(chain, CONV3, CONV1).hash  # needs directed edges
    four = [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    assert module(four, CONV1, CONV3, CONV3).hash != module(four, CONV3, CONV3, CONV1).hash  # needs the own hash


@given(SEEDS)
def test_any_renumbering_has_the_same_hash(seed):
    generator = np.random.default_rng(seed)
    one = THREE.module(drawn(THREE, seed))
    count = len(one.operations)
    place = dict(zip(range(count), generator.permutation(count).tolist(), strict=True))
    order = sorted(range(count), key=lambda vertex: (vertex == count - 1, _depth(one, vertex), place[vertex]))
    rows = tuple(tuple(one.matrix[a][b] for b in order) for a in order)
    assert Module(rows, tuple(one.operations[vertex] for vertex in order)).hash == one.hash


def _depth(one, vertex):
    return max((1 + _depth(one, parent) for parent in one.parents(vertex)), default=0)


def test_islands_and_loose_ends_are_pruned():
    """The benchmark's own cases."""
    island = [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert module(island, CONV3, CONV1, POOL).pruned == module([[0, 1, 0], [0, 0, 1], [0, 0, 0]], CONV3)
    dangling = [[0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert module(dangling, CONV3, CONV1).pruned == module([[0, 1, 0], [0, 0, 1], [0, 0, 0]], CONV1)
    with pytest.raises(ValueError, match="no path"):
        _ = module([[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], CONV3, CONV1).pruned
    with pytest.raises(ValueError, match="upper triangular"):
        module([[0, 1, 0], [0, 1, 1], [0, 0, 0]], CONV3)


# --- sizes ------------------------------------------------------------------------------------------------------------


def connectivities(space):
    """What each block and the output read, in every way, with the blocks that are left when the others are pruned."""
    for read in itertools.product(*space.parent_sets):
        needed, waiting = set(), [len(read)]
        while waiting:
            node = waiting.pop()
            waiting += [source for source in read[node - 1] if source and source not in needed]
            needed |= set(read[node - 1]) - {0}
        yield read, sorted(needed)


@pytest.mark.parametrize(
    ("space", "ways", "cells", "published"),
    [(ONE, 180, 14_580, (49, 2_487)), (TWO, 360, 29_160, (65, 3_609)), (THREE, 5_400, 1_312_200, (234, 24_066))],
    ids=NAMES,
)
def test_sizes(space, ways, cells, published):
    """All cells; and those that the released generator finds, in which all that is left reads the block before it."""
    every = list(connectivities(space))
    assert (len(every), len(space)) == (ways, cells)
    chained = {}
    for read, live in every:
        order = [*live, len(read)]
        if all(before in read[after - 1] for before, after in itertools.pairwise(order)):
            chained[tuple((node, read[node - 1]) for node in order)] = 3 ** len(live)
    assert (len(chained), sum(chained.values())) == published


@pytest.mark.parametrize(
    ("space", "pruned", "unique"),
    [
        pytest.param(ONE, 3_702, 2_685, id=NAMES[0]),
        pytest.param(TWO, 12_474, 7_773, id=NAMES[1]),
        pytest.param(THREE, 135_900, 55_854, id=NAMES[2], marks=pytest.mark.slow),
    ],
)
def test_pruned_modules_and_those_that_are_not_isomorphic(space, pruned, unique):
    modules = {}
    for read, live in connectivities(space):
        modules[tuple((node, read[node - 1]) for node in [*live, len(read)])] = 3 ** len(live)
    assert sum(modules.values()) == pruned
    numbers = space.numbers_by_hash
    assert len(numbers) == unique
    assert sorted(np.concatenate(list(numbers.values()))) == list(range(len(space)))


@pytest.mark.parametrize("space", [ONE, TWO], ids=NAMES[:2])
def test_numbers_by_hash_are_those_of_the_cells(space):
    of = {int(number): name for name, numbers in space.numbers_by_hash.items() for number in numbers}
    for number in range(0, len(space), 97):
        assert space.canonical(space[number]) == of[number]


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [ONE, TWO, THREE], ids=NAMES)
@given(seed=SEEDS)
def test_a_cell_reads_as_many_nodes_as_published(space, seed):
    cell = drawn(space, seed)
    published = {ONE: (1, 2, 2, 2, 2), TWO: (1, 1, 2, 2, 3), THREE: (1, 1, 1, 2, 2, 2)}[space]
    assert tuple(map(len, space.read_by(cell))) == published
    whole = Module.of(space.read_by(cell), space.operations_of(cell))
    assert len(whole.operations) == len(published) + 1
    kept = {0, len(published)} | {block for block in space.blocks if block in space.read_nodes(cell)}
    assert len(space.module(cell).operations) == len(kept)
    live = {space.choices[choice].name for choice, _ in space.live(cell)}
    assert {int(name.split()[0]) for name in live if name.endswith("is")} == kept - {0, len(published)}
    assert "output reads" in live


def test_what_cannot_matter_does_not_change_the_module():
    text = f"{CONV3}~0|{POOL}~0+1|{CONV3}~0+1|{CONV1}~1+3|output~0+4"  # nothing reads block 2
    cell = ONE.parse(text)
    for neighbour in ONE.neighbours(cell):
        ((pair, *_),) = [sorted(set(cell.pairs) - set(neighbour.pairs))]
        same = ONE.canonical(neighbour) == ONE.canonical(cell)
        assert same or pair in ONE.live(cell)
    dead = [pair for pair in cell.pairs if pair not in ONE.live(cell)]
    assert [ONE.choices[choice].name for choice, _ in dead] == ["2 is"]
    assert ONE.operation_counts(cell) == {CONV3: 2, POOL: 1, CONV1: 1}
    assert [arc for arc in ONE.arcs(cell, "cell") if not arc.live] == [
        (0, 2, "", False),
        (1, 2, "", False),
        (2, 3, POOL, False),
    ]


def test_a_picture_has_each_block_and_what_it_reads():
    svg = cell_svg(ONE, ONE.parse(f"{CONV3}~0|{POOL}~0+1|{CONV3}~0+1|{CONV1}~1+3|output~0+4"))
    assert svg.count('<path d="M') - svg.count('<path d="M0 0L8 4') == 4 + 6 + 2  # operations, parents, the output
    assert [svg.count(name) for name in (CONV3, POOL, CONV1)] == [2, 1, 1]
    assert svg.count("#b8b8b8") == 4  # arc and name of the pooling that nothing reads, and the two arcs that enter it


@given(SEEDS, SEEDS)
def test_a_distance_counts_blocks_operations_and_sets_of_parents(seed, other):
    one, two = drawn(TWO, seed), drawn(TWO, other)
    differing = [a != b for a, b in zip(TWO.operations_of(one), TWO.operations_of(two), strict=True)]
    differing += [a != b for a, b in zip(TWO.read_by(one), TWO.read_by(two), strict=True)]
    assert TWO.distance(one, two) == sum(differing)


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [ONE, TWO, THREE], ids=NAMES)
@given(seed=SEEDS)
def test_a_module_as_the_released_code_prints_it_is_read(space, seed):
    cell = drawn(space, seed)
    whole = Module.of(space.read_by(cell), space.operations_of(cell))
    matrix, names = [list(row) for row in whole.matrix], list(whole.operations)
    assert space.parse(f"ModelSpec(matrix={matrix}, ops={names})") == cell
    printed = "[" + "\n ".join(f"[{' '.join(map(str, row))}]" for row in matrix) + "]"
    assert space.parse(f"module_adjacency: {printed}\nmodule_operations: {names}") == cell
    if space is not THREE:  # upscaled: a vertex that nothing reads stands before the output
        wide = np.insert(np.insert(np.array(matrix), 5, 0, axis=1), 5, 0, axis=0)
        assert space.parse(f"matrix={wide.tolist()}, ops={[*names[:-1], CONV1, 'output']}") == cell


@pytest.mark.parametrize("around", ["{}", "'{}'", "epoch 3 cell = {}", "{} (88.2 %)", "```\n{}\n```", "{}; valid 88.2"])
def test_a_cell_is_read_from_what_surrounds_it(around):
    for space in (ONE, TWO, THREE):
        cell = drawn(space, 5)
        assert space.parse(around.format(space.format(cell))) == cell
        turned = space.format(cell).replace("~0+1", "~1+0")
        assert space.parse(around.format(turned)) == cell
        assert space.parse(str(space.index(cell))) == cell


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{CONV3}~0|{CONV3}~0+1|{CONV3}~0+1|output~0+1", "wanted 4 blocks and then the output"),
        (f"{CONV3}~0|conv5x5~0+1|{CONV3}~0+1|{CONV3}~0+1|output~0+1", "operation 'conv5x5'"),
        (f"{CONV3}~0|{CONV3}~0+1|{CONV3}~1|{CONV3}~0+1|output~0+1", "block 3 reads 1; wanted 2 different node"),
        (f"{CONV3}~0|{CONV3}~0+1|{CONV3}~1+1|{CONV3}~0+1|output~0+1", "block 3 reads 1\\+1; wanted 2 different node"),
        (f"{CONV3}~0|{CONV3}~0+1|{CONV3}~0+3|{CONV3}~0+1|output~0+1", "block 3 reads 0\\+3; wanted 2 different node"),
        (f"{CONV3}~0|{CONV3}~0+1|{CONV3}~0+1|{CONV3}~0+1|output~0+1+2", "the output reads 0\\+1\\+2"),
        ("14580", "wanted 0 to 14579"),
        ("a cell", "cannot read 'a cell' as a nas-bench-1shot1-1 cell"),
        ("", "cannot read ''"),
        ("[[0, 1], [0, 0]] ['input', 'output']", "a module of 2 vertices"),
        ("[[0, 1, 1], [0, 0], [0, 0, 0]] ['input', 'maxpool3x3', 'output']", "a matrix that is not 3x3"),
        ("~" * 30_000, "30,000 characters"),
        ("|conv3x3-bn-relu~0" * 900, "wanted 4 blocks"),
        ("output~0+1|" * 5, "operation 'output'"),
        (f"{CONV3}~0|" * 5, "wanted 4 blocks and then the output"),
    ],
)
def test_what_is_no_cell_is_said_in_one_line(text, said):
    with pytest.raises(UserError, match=said) as error:
        ONE.parse(text)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 700


@given(st.text(max_size=80))
def test_any_text_is_a_cell_or_is_refused(text):
    with contextlib.suppress(UserError):
        assert ONE.contains(ONE.parse(text))


# --- graphs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("space", [ONE, TWO, THREE], ids=NAMES)
@given(seed=SEEDS)
def test_any_graph_of_the_family_is_a_cell_and_no_other_has_it(space, seed):
    generator = np.random.default_rng(seed)
    family = space.graph_family
    types, predecessors = [], []
    for vertex in family.vertices:
        types.append(int(generator.choice(vertex.types)))
        one = vertex.edges == "one"
        predecessors.append((int(generator.choice(vertex.candidates)),) if one else vertex.candidates)
    graph = Graph(tuple(types), tuple(predecessors))
    assert family.contains(graph)
    cell = space.from_graph(graph)
    assert space.contains(cell)
    assert space.to_graph(cell) == graph
    decided = [vertex for vertex in family.vertices if vertex.varies]
    assert len(decided) == len(space.choices)
    assert sorted(pair for vertex in decided for pair in (vertex.pairs or {}).values()) == list(space.pairs)
