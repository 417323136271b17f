"""The DARTS convolutional space: published genotypes, its text, its slots, and how one moves about in it."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.graphs import Graph
from supernas.runs.cell_picture import cell_svg
from supernas.spaces.darts.edges import EDGES, OPERATIONS
from supernas.spaces.darts_cnn import DARTSCNN

SPACE = spaces.get("darts-cnn")
DISTINCT = spaces.get("darts-cnn", {"inputs": "distinct"})
S1, S2, S3, S4 = (spaces.get("darts-cnn", {"operations": name}) for name in ("S1", "S2", "S3", "S4"))
SPACES = [SPACE, DISTINCT, S1, S2, S3, S4]
SEEDS = st.integers(0, 2**32 - 1)
PLACES = st.sampled_from(SPACES)

SHORT = {"max": 1, "avg": 2, "skip": 3, "sep3": 4, "sep5": 5, "dil3": 6, "dil5": 7, "none": 0}
# normal cell; reduction cell: operation and input of each slot, two a node
PUBLISHED = {
    "DARTS_V1": "sep31 sep30 skip0 sep31 skip0 sep31 sep30 skip2; max0 max1 skip2 max0 max0 skip2 skip2 avg0",
    "DARTS_V2": "sep30 sep31 sep30 sep31 sep31 skip0 skip0 dil32; max0 max1 skip2 max1 max0 skip2 skip2 max1",
    "PDARTS": "skip0 dil31 skip0 sep31 sep31 sep33 sep30 dil54; avg0 sep51 sep30 dil52 max0 dil31 dil31 dil53",
    "PC_DARTS_cifar": "sep31 skip0 sep30 dil31 sep50 sep31 avg0 dil31; sep51 max0 sep51 sep52 sep30 sep33 sep31 sep32",
    "PC_DARTS_image": "skip1 sep30 sep30 skip1 sep31 sep33 sep31 dil54; sep30 skip1 dil52 max1 sep32 sep31 sep50 sep33",
    "Random_NSAS": "sep51 dil30 dil31 sep30 sep51 avg0 skip0 none1; dil30 none1 dil30 avg1 dil52 dil53 none0 sep33",
    "Random_NSAS_C": "sep31 dil30 dil32 sep30 sep33 skip0 sep30 dil54; dil30 max1 dil30 avg2 dil30 sep33 avg0 dil54",
    "EENAS": "sep51 dil31 dil31 sep31 sep51 avg0 skip0 sep31; max0 sep31 skip0 sep31 max0 skip2 skip0 max1",
    "EENAS_R": "skip0 dil51 sep30 sep32 sep31 sep33 sep30 dil54; avg0 sep31 avg0 dil52 max0 dil53 max1 dil34",
}


def drawn(space, seed, count=1):
    generator = np.random.default_rng(seed)
    made = [space.sample(generator) for _ in range(count)]
    return made[0] if count == 1 else made


def slots_of(space, architecture):
    """The slow twin of a node's slots: (kind, node) -> set of (operation, input)."""
    found = {}
    for choice, option in architecture.pairs:
        node, source = EDGES[choice % 14]
        where = found.setdefault((space.choices[choice].kind, node), set())
        where.add((space.choices[choice].options[option], source))
    return found


# --- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_genotypes(name):
    pairs = []
    for kind, cell in enumerate(PUBLISHED[name].split("; ")):
        for place, token in enumerate(cell.split()):
            edge = EDGES.index((2 + place // 2, int(token[-1])))
            pairs.append((14 * kind + edge, SHORT[token[:-1]]))
    found = SPACE.parse(name)
    assert found == Architecture(tuple(pairs)) == SPACE.parse(SPACE.named[name])
    assert SPACE.contains(found)
    assert SPACE.parse(SPACE.format(found)) == found
    assert DISTINCT.contains(found) == (name in DISTINCT.named) == (name != "EENAS")


def test_all_named_are_published():
    assert set(SPACE.named) == set(PUBLISHED)
    assert not S2.named


def test_choices_are_the_edges_in_order():
    assert [choice.name for choice in SPACE.choices[:3]] == ["normal 2<-0", "normal 2<-1", "normal 3<-0"]
    assert SPACE.choices[27].name == "reduce 5<-4"
    assert all(choice.options == OPERATIONS for choice in SPACE.choices)
    assert SPACE.shapes == {"normal": (14, 8), "reduce": (14, 8)}
    names = [f"{target}<-{source}" for source, target in map(SPACE.ends, range(28))]
    assert names == [choice.name.split()[1] for choice in SPACE.choices]
    assert len(SPACE.node_names("normal")) == 6


def test_restricted_operations():
    assert {c.options for c in S2.choices} == {("skip_connect", "sep_conv_3x3")}
    assert {c.options for c in S3.choices} == {("none", "skip_connect", "sep_conv_3x3")}
    assert {c.options for c in S4.choices} == {("noise", "sep_conv_3x3")}
    assert S1.choices[0].options == ("skip_connect", "dil_conv_3x3")
    assert S1.choices[14].options == ("max_pool_3x3", "avg_pool_3x3")
    assert S1.choices[27].options == ("skip_connect", "dil_conv_5x5")
    assert S1.shapes == S2.shapes == {"normal": (14, 2), "reduce": (14, 2)}


@given(PLACES, SEEDS)
def test_format_and_parse_are_inverse(space, seed):
    architecture = drawn(space, seed)
    text = space.format(architecture)
    assert space.parse(text) == architecture
    as_list = text.replace("range(2, 6)", "[2, 3, 4, 5]").replace("'", '"')
    loose = "\n  my_cell = " + as_list.replace(", ", " ,\n\t").replace("=", " = ").replace("(", "( ")
    assert space.parse(loose) == space.parse(as_list) == architecture


DARTS_V2 = SPACE.named["DARTS_V2"]
MISTAKES = {
    "": "at the end: wanted a name",
    "DARTS_V3": "unknown architecture 'DARTS_V3'; did you mean 'DARTS_V2'?",
    "Genotype": "unknown architecture 'Genotype'",
    "Genotype(normal=[], normal_concat=range(2, 6))": "without reduce, reduce_concat; wanted normal",
    DARTS_V2.replace("dil_conv_3x3", "dil_conv_3x4"): "did you mean 'dil_conv_3x3'?",
    DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)"): "node 5 of normal reads 5; wanted an input below 5",
    DARTS_V2.replace(", ('dil_conv_3x3', 2)", ""): "normal has 7 (operation, input) pairs; wanted 8",
    DARTS_V2.replace("('dil_conv_3x3', 2)", "('skip_connect', 0)"): "node 5 of normal has ('skip_connect', 0) twice",
    DARTS_V2.replace("('dil_conv_3x3', 2)", "3"): "normal holds 3; wanted (operation, input) pairs",
    DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=[3, 4, 5]"): "normal_concat = [3, 4, 5]: the output",
    DARTS_V2.replace("reduce=", "normal="): "two fields normal",
    DARTS_V2.replace("reduce=", "recurrent="): "unknown field of a genotype 'recurrent'; did you mean",
    DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 10**9)"): "at '**9)",
    DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 999999)"): "range(2, 999999) in a genotype",
    DARTS_V2 + " or exit()": "at 'or exit()': wanted the end",
    "__import__('os').system('true')": "at '('os')",
    "Genotype(normal=[(__import__('os'), 1)])": "at '__import__('os'), 1)])': wanted a text in quotation marks",
    "Genotype(" * 2000: "unknown field of a genotype 'Genotype'",
    "Genotype(normal=" + "[" * 5000: "cannot read the genotype",
    DARTS_V2 + " " * 20_000 + "garbage": "characters; wanted 20,000 at most",
    DARTS_V2.replace("1)", "\N{ARABIC-INDIC DIGIT ONE})"): "wanted a whole number",
    "lambda: 0": "cannot read the genotype",
}


@pytest.mark.parametrize(("text", "named"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_mistakes_are_named_in_one_line(text, named):
    with pytest.raises(UserError) as error:
        SPACE.parse(text)
    assert named in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 500


def test_one_input_twice_is_refused_where_inputs_are_distinct():
    with pytest.raises(UserError, match="node 2 of normal reads one input twice"):
        DISTINCT.parse(SPACE.named["EENAS"])
    with pytest.raises(UserError, match="unknown operation at normal 2<-0 'max_pool_3x3'"):
        S2.parse(SPACE.named["DARTS_V1"].replace("sep_conv_3x3', 0", "max_pool_3x3', 0"))


TOKENS = st.sampled_from(
    [*OPERATIONS, "Genotype", "(", ")", "[", "]", ",", "=", "'", '"', "normal", "reduce_concat", "range", "2", "6", " "]
)


@given(st.one_of(st.text(), st.lists(TOKENS, max_size=40).map("".join)))
@example("\u2028Genotype(\u2028")
@example("Genotype(normal='")
@example("Genotype(normal=[(\u0661, 2)])")
def test_any_text_is_an_architecture_or_a_users_error_of_one_line(text):
    try:
        assert SPACE.contains(SPACE.parse(text))
    except UserError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either will do


# --- what is legal ----------------------------------------------------------------------------------------------------


def test_size_counts_unordered_slots():
    def count(operations, distinct):
        made = 1
        for inputs in (2, 3, 4, 5):
            slots = [(i, o) for i in range(inputs) for o in range(operations)]
            two = itertools.combinations(slots, 2)
            made *= sum(not distinct or a[0] != b[0] for a, b in two)
        return made**2

    assert SPACE.size == count(8, False) == 164_184_900_682_383_360_000
    assert DISTINCT.size == count(8, True)
    assert S3.size == count(3, False)
    assert S1.size == S2.size == count(2, False)


def test_a_space_of_so_many_is_not_numbered():
    for ask in (len, iter, lambda space: space[0], lambda space: space.index(drawn(space, 0))):
        with pytest.raises(TypeError, match="not numbered"):
            ask(SPACE)
    assert SPACE
    assert not SPACE.enumerable


@given(PLACES, SEEDS)
def test_what_is_not_an_architecture(space, seed):
    architecture = drawn(space, seed)
    assert space.contains(architecture)
    assert not space.contains(Architecture(architecture.pairs[1:]))
    assert not space.contains(Architecture((*architecture.pairs, (28, 0))))
    assert not space.contains(Architecture((*architecture.pairs[1:], (architecture.pairs[0][0], 8))))
    assert not space.contains(Architecture((*architecture.pairs[1:], architecture.pairs[1])))
    assert all(len(slots) == 2 for slots in slots_of(space, architecture).values())


def test_samples_are_uniform_and_seeded():
    assert drawn(SPACE, 0, 3) == drawn(SPACE, 0, 3) != drawn(SPACE, 1, 3)
    for space, two in ((S2, 6), (DISTINCT, 64)):
        first = [tuple(pair for pair in one.pairs if pair[0] < 2) for one in drawn(space, 0, 3000)]
        counts = np.array([first.count(slots) for slots in set(first)])
        assert len(counts) == two  # all ways to fill node 2
        assert ((counts - 3000 / two) ** 2 / (3000 / two)).sum() < two + 6 * np.sqrt(2 * two)  # chi-square


# --- genes ------------------------------------------------------------------------------------------------------------


@given(PLACES, SEEDS)
def test_any_genes_are_an_architecture_and_genes_come_back(space, seed):
    generator = np.random.default_rng(seed)
    genes = [int(generator.integers(size)) for size in space.gene_sizes]
    genes[1] = genes[0]  # a collision
    made = space.from_genes(genes)
    assert space.contains(made)
    assert len(genes) == 16
    assert space.from_genes(space.genes(made)) == made
    assert space.genes(made)[0] < space.genes(made)[1]


def test_a_second_slot_that_collides_moves_to_the_next_operation():
    start = list(SPACE.genes(SPACE.parse("DARTS_V2")))
    assert SPACE.from_genes([3, 3, *start[2:]]).pairs[:2] == ((0, 3), (0, 4))
    assert SPACE.from_genes([15, 15, *start[2:]]).pairs[:2] == ((0, 0), (1, 7))  # after the last comes the first
    assert DISTINCT.from_genes([3, 5, *start[2:]]).pairs[:2] == ((0, 3), (1, 0))
    assert SPACE.from_genes([5, 3, *start[2:]]) == SPACE.from_genes([3, 5, *start[2:]])  # in any order


# --- moving about -----------------------------------------------------------------------------------------------------


@given(PLACES, SEEDS)
def test_distance_is_the_number_of_slots_that_differ(space, seed):
    a, b, c = drawn(space, seed, 3)
    mine, other = slots_of(space, a), slots_of(space, b)
    assert space.distance(a, b) == space.distance(b, a) == sum(2 - len(mine[node] & other[node]) for node in mine)
    assert (space.distance(a, b) == 0) == (a == b)
    assert space.distance(a, a) == 0
    assert space.distance(a, c) <= space.distance(a, b) + space.distance(b, c) <= 32


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_neighbours_differ_in_one_slot_and_are_all(space):
    architecture = drawn(space, 0)
    near = space.neighbours(architecture)
    assert len(set(near)) == len(near)
    assert all(space.contains(one) and space.distance(architecture, one) == 1 for one in near)
    if space.inputs == "any":
        assert len(near) == sum(size - 2 for size in space.gene_sizes)


@given(PLACES, SEEDS)
def test_complement_fulfils_the_papers_conditions(space, seed):
    current, previous = drawn(space, seed, 2)
    generator = np.random.default_rng(seed)
    near = space.neighbours(current)
    for before in (previous, current, near[int(generator.integers(len(near)))]):
        complement = space.complement(current, before, generator)
        now, then, other = (set(one.pairs) for one in (current, before, complement))
        assert space.contains(complement)
        assert not then & other
        assert now <= then | other


def test_complement_of_a_cell_and_itself_draws_every_other_operation():
    cell, generator = SPACE.parse("DARTS_V1"), np.random.default_rng(0)
    seen = {pair for _ in range(300) for pair in SPACE.complement(cell, cell, generator).pairs}
    assert seen == set(SPACE.pairs) - set(cell.pairs)


@given(PLACES, SEEDS)
def test_matrices_and_derivation(space, seed):
    architecture = drawn(space, seed)
    matrices = space.matrices(architecture)
    assert sum(matrix.sum() for matrix in matrices.values()) == 16
    generator = np.random.default_rng(seed)
    weights = {kind: generator.random(shape) for kind, shape in space.shapes.items()}
    derived = space.derive(weights)
    assert DISTINCT.contains(derived) if space.operations == "all" else space.contains(derived)
    for (kind, node), slots in slots_of(space, derived).items():
        strongest = {}  # input -> (weight, operation), as DARTS ranks them
        for edge, (to, source) in enumerate(EDGES):
            if to == node:
                row = zip(weights[kind][edge], space.choices[14 * (kind == "reduce") + edge].options, strict=True)
                strongest[source] = max((weight, name) for weight, name in row if name != "none")
        kept = sorted(strongest, key=lambda source: -strongest[source][0])[:2]
        assert slots == {(strongest[source][1], source) for source in kept}


def test_derivation_gives_back_cells_of_distinct_inputs_without_none():
    for name in DISTINCT.named:
        architecture = SPACE.parse(name)
        none = any(SPACE.choices[c].options[o] == "none" for c, o in architecture.pairs)
        assert (SPACE.derive(SPACE.matrices(architecture)) == architecture) == (not none)


# --- equivalence ------------------------------------------------------------------------------------------------------


def test_live_is_all_but_none_and_what_reads_an_empty_node():
    random = SPACE.parse("Random_NSAS")
    assert len(SPACE.live(random)) == 16 - 3
    text = SPACE.named["DARTS_V2"].replace(
        "('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0)", "('none', 0), ('none', 1), ('sep_conv_3x3', 0)"
    )
    empty = SPACE.parse(text)  # node 2 is empty, and node 5 reads it
    dead = set(empty.pairs) - set(SPACE.live(empty))
    assert {(SPACE.choices[c].name, SPACE.choices[c].options[o]) for c, o in dead} == {
        ("normal 2<-0", "none"),
        ("normal 2<-1", "none"),
        ("normal 5<-2", "dil_conv_3x3"),
    }
    assert S4.live(drawn(S4, 0)) == drawn(S4, 0).pairs


@given(SEEDS)
def test_canonical_does_not_mind_the_order_of_independent_nodes(seed):
    generator = np.random.default_rng(seed)
    names = [OPERATIONS[int(o)] for o in generator.integers(1, 8, size=8)]
    sources = [0, 1, 0, 1, 0, 2, 1, 3]  # nodes 2 and 3 read inputs only; 4 reads 2, and 5 reads 3
    swapped = [0, 1, 0, 1, 1, 2, 0, 3]

    def cell(names, sources):
        pairs = list(zip(names, sources, strict=True))
        reduce = "[('skip_connect', 0), ('skip_connect', 1)" + ", ('skip_connect', 0), ('skip_connect', 1)" * 3 + "]"
        return SPACE.parse(
            f"Genotype(normal={pairs}, normal_concat=range(2, 6), reduce={reduce}, reduce_concat=range(2, 6))"
        )

    one = cell(names, sources)
    other = cell([*names[2:4], *names[:2], *names[6:8], *names[4:6]], swapped)
    assert SPACE.canonical(one) == SPACE.canonical(other)
    changed = cell([*names[:7], "none"], sources)
    assert SPACE.canonical(changed) != SPACE.canonical(one)


# --- pictures, graphs, files ------------------------------------------------------------------------------------------


def test_a_picture_has_both_cells_and_every_operation():
    svg = cell_svg(SPACE, SPACE.parse("EENAS"))
    assert svg.count(">normal<") == svg.count(">reduce<") == 1
    assert svg.count("<path d=") == 16 + 1  # and the tip of the arrows
    for row in svg.split("<g ")[1:]:  # two operations on one input do not cover each other
        arcs = [part.split('"')[0] for part in row.split('<path d="')[1:]]
        assert len(set(arcs)) == len(arcs) == 8
    assert svg.count("dil_conv_3x3") == 2


@given(PLACES, SEEDS)
def test_graphs(space, seed):
    architecture = drawn(space, seed)
    graphs = space.to_graphs(architecture)
    assert len(graphs) == 2
    assert all(space.graph_family.contains(graph) for graph in graphs)
    assert space.from_graphs(graphs) == architecture
    vertices = space.graph_family.vertices
    pairs = []
    for kind, graph in enumerate(graphs):
        for number in space.graph_family.varying:
            edge, option = vertices[number].pairs[graph.predecessors[number][0], graph.types[number]]
            pairs.append((14 * kind + edge, option))
    assert tuple(sorted(pairs)) == architecture.pairs


@given(PLACES, SEEDS)
def test_any_graph_of_the_family_is_an_architecture(space, seed):
    generator = np.random.default_rng(seed)

    def draw():
        types, sources = [], []
        for vertex in space.graph_family.vertices:
            types.append(int(generator.choice(vertex.types)))
            one = vertex.edges == "one"
            sources.append((int(generator.choice(vertex.candidates)),) if one else vertex.candidates)
        types[3], sources[3] = types[2], sources[2]  # a collision
        return Graph(tuple(types), tuple(sources))

    assert space.contains(space.from_graphs([draw(), draw()]))


def test_a_graph_of_another_family_is_refused():
    graph = SPACE.to_graphs(drawn(SPACE, 0))[0]
    with pytest.raises(ValueError, match="not the graph"):
        SPACE.from_graphs([graph, Graph((3, *graph.types[1:]), graph.predecessors)])


@given(SEEDS)
def test_an_architecture_survives_json(seed):
    architecture = drawn(SPACE, seed)
    assert Architecture(tuple(map(tuple, json.loads(json.dumps(architecture.pairs))))) == architecture


@pytest.mark.parametrize("inputs", ["any", "distinct"])
def test_the_likeliest_genotypes_against_all_choices_of_two_slots_a_node(inputs):
    """Nodes are independent, so the best is the best at each node, and the next ones change one node at a time."""
    space = DARTSCNN(operations=("none", "skip_connect", "sep_conv_3x3"), inputs=inputs)
    generator = np.random.default_rng(0)
    P = {kind: generator.dirichlet(np.ones(3), size=14) for kind in space.kinds}
    flat = np.concatenate([P[kind] for kind in space.kinds])

    def weight(architecture):
        return math.prod(flat[pair] for pair in architecture.pairs)

    tables, targets = [], [(kind, space.ends(choice)[1]) for kind, where in space.kinds.items() for choice in where]
    for target in dict.fromkeys(targets):
        entering = [(c, o) for c, where in enumerate(targets) if where == target for o in (1, 2)]  # without `none`
        twos = [flat[a] * flat[b] for a, b in itertools.combinations(entering, 2) if inputs == "any" or a[0] != b[0]]
        tables.append(sorted(twos, reverse=True)[:5])
    products = sorted((math.prod(one) for one in itertools.product(*tables)), reverse=True)[:5]
    found = space.likeliest(P, 200)
    assert len(set(found)) == 200
    assert all(space.contains(one) and all(option != 0 for _, option in one.pairs) for one in found)
    np.testing.assert_allclose([weight(one) for one in found[:5]], products)
    weights = [weight(one) for one in found]
    np.testing.assert_allclose(weights, sorted(weights, reverse=True))
    sure = {kind: np.full((14, 3), 1e-6) for kind in space.kinds}
    planted = next(one for one in map(space.sample, itertools.repeat(np.random.default_rng(1))) if _without_none(one))
    for choice, option in planted.pairs:
        kind = space.choices[choice].kind
        sure[kind][choice - space.kinds[kind].start, option] = 1.0
    assert space.likeliest(sure, 1) == [planted]


def _without_none(architecture):
    return all(option != 0 for _, option in architecture.pairs)
