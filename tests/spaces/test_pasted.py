"""Architectures as people paste them: whatever a program printed around and into them, never evaluated."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError

CNN, RNN, CELLS = spaces.get("darts-cnn"), spaces.get("darts-rnn"), spaces.get("nas-bench-201")
SEEDS = st.integers(0, 2**32 - 1)
BEFORE = st.sampled_from(
    ["", "03/12 01:15:22 PM genotype = ", "[epoch 49/50] best (of 3): ", "'", '"', "`", "```python\n", "“", ">>> ",
     "2024-01-02 03:04:05,678 INFO train.py:12 | ", "cell = genotypes.", "# found by seed 3\n", "\ufeff"]
)  # fmt: skip
AFTER = st.sampled_from(
    ["", "\n", "'", '"', "`", "\n```", "”", ";", "  # seed 3", " - valid 88.21", " (88.21 %)", ", 94.37", " [done]",
     "\tepoch 3", "\nsaved to runs/a.json"]
)  # fmt: skip


def drawn(space, seed):
    return space.sample(np.random.default_rng(seed))


def words(error):
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def refusal(space, text):
    with pytest.raises(UserError) as error:
        space.parse(text)
    return words(error)


# --- genotypes ------------------------------------------------------------------------------------------------------


def fields_of(space, architecture):
    """Field -> value: what the genotype says, as plain values."""
    text = space.format(architecture)
    return eval(text, {"Genotype": dict, "range": range})


NUMBERS = {
    "plain": str,
    "numpy": lambda number: f"np.int64({number})",
    "long numpy": lambda number: f"numpy.int32({number})",
    "torch": lambda number: f"tensor({number}, device='cuda:0')",
}
TEXTS = {
    "plain": repr,
    "double": lambda text: f'"{text}"',
    "curly": lambda text: f"‘{text}’",
    "numpy": lambda text: f"np.str_('{text}')",
}
CONCATS = {
    "range": lambda nodes: f"range({nodes[0]}, {nodes[-1] + 1})",
    "steps": lambda nodes: f"range({nodes[0]}, {nodes[-1] + 1}, 1)",
    "list of range": lambda nodes: f"list(range({nodes[0]}, {nodes[-1] + 1}))",
    "list": lambda nodes: repr(list(nodes)),
    "tuple": lambda nodes: repr(tuple(nodes)),
    "array": lambda nodes: f"array({list(nodes)}, dtype=int64)",
    "tensor": lambda nodes: f"torch.tensor({list(nodes)})",
    "numbers": lambda nodes: "[" + ", ".join(f"np.int64({node})" for node in nodes) + "]",
}
FORMS = {
    "names": lambda fields: "Genotype(" + ", ".join(f"{name}={value}" for name, value in fields.items()) + ")",
    "places": lambda fields: "Genotype(" + ", ".join(fields.values()) + ")",
    "lines": lambda fields: "Genotype(\n" + "".join(f"  {n} = {v},  # of {n}\n" for n, v in fields.items()) + ")",
    "dictionary": lambda fields: "{" + ", ".join(f"'{name}': {value}" for name, value in fields.items()) + "}",
    "json": lambda fields: "{" + ",\n".join(f'"{name}": {value}' for name, value in fields.items()) + "}",
    "more": lambda fields: FORMS["names"](fields)[:-1] + ", connectN=None, connects=None)",
}
WEIGHTS = st.sampled_from(["", ", 0.1326", ", np.float32(0.13264)", ", 1e-05", ", tensor(0.2, device='cpu')"])


@given(
    st.sampled_from([CNN, RNN]), SEEDS, BEFORE, AFTER, st.sampled_from(list(NUMBERS)), st.sampled_from(list(TEXTS)),
    st.sampled_from(list(CONCATS)), st.sampled_from(list(FORMS)), WEIGHTS, st.booleans(),
)  # fmt: skip
def test_genotypes_are_read_in_every_form(space, seed, before, after, number, text, concat, form, weight, grouped):
    architecture = drawn(space, seed)
    fields = {}
    for name, value in fields_of(space, architecture).items():
        if isinstance(value, range):
            fields[name] = CONCATS[concat](value)
            continue
        pairs = [f"({TEXTS[text](operation)}, {NUMBERS[number](source)}{weight})" for operation, source in value]
        if grouped and space is CNN:  # as AutoDL-Projects groups them by node
            pairs = [f"({one}, {other})" for one, other in zip(pairs[::2], pairs[1::2], strict=True)]
        fields[name] = f"[{', '.join(pairs)}]"
    if form in ("dictionary", "json"):
        before = before.replace("genotypes.", "")
    assert space.parse(before + FORMS[form](fields) + after) == architecture


def test_names_are_read_with_their_modules():
    for text in ("genotypes.DARTS_V2", "'DARTS_V2'", "`cnn.genotypes.DARTS_V2`", " DARTS_V2\n"):
        assert CNN.parse(text) == CNN.parse("DARTS_V2")
        assert RNN.parse(text) == RNN.parse("DARTS_V2")


def test_several_genotypes_must_be_one():
    v1, v2 = (CNN.named[name] for name in ("DARTS_V1", "DARTS_V2"))
    assert CNN.parse(f"epoch 1 {v2}\nepoch 2 {v2}") == CNN.parse("DARTS_V2")
    assert "several genotypes; wanted one" in refusal(CNN, f"epoch 1 {v1}\nepoch 2 {v2}")


V2 = CNN.named["DARTS_V2"]
PAIR = "('sep_conv_3x3', 0)"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (V2 + ".normal", "at '.normal': wanted the end"),
        (V2 + "[0]", "at '[0]': wanted the end"),
        (V2 + " " * 20_000 + "garbage", "characters; wanted one genotype"),
        (V2.replace("[2, 3, 4, 5]", "list(" * 4_000 + "[2]"), "cannot read the genotype"),
        (V2.replace("[2, 3, 4, 5]", "range(2, 6, 0)"), "range(2, 6, 0) in a genotype"),
        (V2.replace("[2, 3, 4, 5]", "range(2, 6, 3)"), "normal_concat = [2, 5]"),
        (V2.replace(PAIR, f"({PAIR}, {PAIR})", 1), "different numbers of (operation, input) pairs"),
        (V2.replace(PAIR, "[" * 5_000, 1), "cannot read the genotype"),
        (V2.replace("'sep_conv_3x3', 0", "'sep_conv_3x3', 0, open('x')", 1), "wanted the weight of a pair"),
        (V2.replace("Genotype(normal=", "Genotype(open("), "unknown field of a genotype 'open'"),
        (V2[:-1] + ", connects=[1])", "unknown field of a genotype 'connects'"),
        ("{'normal': [], 'lr': 0.1}", "unknown field of a genotype 'lr'"),
        (CELLS.format(CELLS[3]), "a cell of nas-bench-201"),
    ],
)  # fmt: skip
def test_mistakes_in_genotypes_are_named(text, named):
    assert named in refusal(CNN, text)


# --- cells of NAS-Bench-201 -----------------------------------------------------------------------------------------

CELL_FORMS = {
    "string": lambda text, pairs: text,
    "structure": lambda text, pairs: f"Structure(4 nodes with {text})",
    "list": lambda text, pairs: f"[{text}]",
    "row of a table": lambda text, pairs: f"| 6111 | {text} | 94.37 |",
    "blanks": lambda text, pairs: text.replace("|", " | ").replace("~", " ~ ").replace("+", "\n+"),
    "pairs": lambda text, pairs: repr(pairs),
    "lists": lambda text, pairs: repr([[list(pair) for pair in node] for node in pairs]),
    "numpy pairs": lambda text, pairs: repr(pairs).replace("0)", "np.int64(0))"),
}
NASLIB = {
    "tuple": "({}, {}, {}, {}, {}, {})",
    "numpy": "[{} {} {} {} {} {}]",
    "array": "array([{}, {}, {}, {}, {}, {}])",
    "tensor": "tensor([{}, {}, {}, {}, {}, {}], device='cuda:0')",
    "numbers": "(np.int64({}), np.int64({}), np.int64({}), np.int64({}), np.int64({}), np.int64({}))",
}


@given(SEEDS, BEFORE, AFTER, st.sampled_from(list(CELL_FORMS)))
def test_cells_are_read_in_every_form(seed, before, after, form):
    cell = drawn(CELLS, seed)
    text = CELLS.format(cell)
    nodes = [[token.split("~") for token in node.strip("|").split("|")] for node in text.split("+")]
    pairs = [tuple((operation, int(source)) for operation, source in node) for node in nodes]
    assert CELLS.parse(before + CELL_FORMS[form](text, pairs) + after) == cell


@given(st.tuples(*[st.integers(0, 4)] * 6), st.sampled_from(list(NASLIB)), BEFORE, AFTER)
def test_naslibs_numbers_are_read_in_every_form(numbers, form, before, after):
    assert CELLS.parse(before + NASLIB[form].format(*numbers) + after) == CELLS.parse(str(numbers))


@pytest.mark.parametrize(
    "given",
    [11, np.int64(11), np.uint8(11), torch.tensor(11), "11", " '11' ", "np.int64(11)", "tensor(11)", np.str_("11")],
)
def test_whole_numbers_are_indices(given):
    assert CELLS.parse(given) == CELLS[11]


def test_a_network_is_built_of_an_index():
    size = {"channels": 2, "cells": 1, "num_classes": 2, "in_channels": 1}
    shapes = [[p.shape for p in CELLS.build(given, **size).parameters()] for given in (np.int64(11), CELLS[11])]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (11.0, "a float was given"),
        (True, "a bool was given"),
        (None, "a NoneType was given"),
        (b"11", "a bytes was given"),
        (-1, "'-1'"),
        (15_625, "index 15625 is not in nas-bench-201"),
        ("'|nor_conv_3x3~0|+|none~0|+|none~0|none~1|none~2|'", "node 2 of '|nor_conv_3x3~0|"),
        ("best |none~0|+|none~0|none~5|+|none~0|none~1|none~2| 93 %", "cannot read the edge 'none~5' of node 2"),
        ("log |none|+|none~0|none~1|+|none~0|none~1|none~2|", "cannot read the edge 'none' of node 1"),
        ("|x|+|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "4 node group(s)"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|none~3|", "node 3"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|+|none~0|", "4 node group(s)"),
        ("[(('none', 0),), (('none', 0), ('none', 1))]", "3 (operation, source) pairs, wanted 6"),
        (V2, "that is a genotype"),
        ("64:64:64:64:64", "size space"),
        ("|" * 30_000 + "~", "characters; wanted one cell"),
        ("runs/some thing", "cannot read 'runs/some thing' as a nas-bench-201 cell"),
    ],
)
def test_mistakes_in_cells_are_named(given, named):
    assert named in refusal(CELLS, given)


def test_several_cells_must_be_one():
    one, other = CELLS.format(CELLS[1]), CELLS.format(CELLS[2])
    assert CELLS.parse(f"{one} and again {one}") == CELLS[1]
    assert "2 different cells; wanted one" in refusal(CELLS, f"{one} {other}")


@given(st.text("|~+0123 \n'none_(),[]", max_size=200), SEEDS)
def test_a_cell_is_never_read_out_of_what_is_joined_to_it(noise, seed):
    text = CELLS.format(drawn(CELLS, seed))
    for joined in (f"{noise}+{text}", f"{text}+{noise}"):
        with pytest.raises(UserError):
            assert isinstance(CELLS.parse(joined), Architecture)
