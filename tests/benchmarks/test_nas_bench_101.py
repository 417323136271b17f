"""Files of NAS-Bench-101 come in whole and right, or are refused in one line that names the record."""

import base64
import contextlib
import json
import random
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernas import spaces
from supernas.benchmarks import import_table, run_baseline
from supernas.benchmarks.importers.crc32c import crc32c, masked_crc32c
from supernas.benchmarks.importers.protobuf import fields
from supernas.cli import app
from supernas.core.errors import UserError
from supernas.spaces.one_shot import Module

from .official_tfrecord import crc, field, framed, masked, metrics, row, varint, written

SPACE = spaces.get("nas-bench-1shot1-1")
ASKED = {"dataset": "cifar10", "trained_on": "train", "epochs": 108}
FOREIGN = Module(((0, 1, 0), (0, 0, 1), (0, 0, 0)), ("input", "maxpool3x3", "output"))  # outputs of cells read two
BLOCKS = st.lists(st.binary(max_size=40), max_size=6)


@pytest.fixture(scope="module")
def thousand():
    """1,000 rows: three trainings of 333 modules, and one of a module that no cell has; with their accuracies."""
    modules = {}
    generator = np.random.default_rng(0)
    while len(modules) < 333:
        module = SPACE.module(SPACE.sample(generator))
        modules[module.hash] = module
    modules[FOREIGN.hash] = FOREIGN
    rows, truth = [], {}
    for number, (name, module) in enumerate(modules.items()):
        for seed in range(1 if module == FOREIGN else 3):
            made, drawn = row(module, name, 108, seed, number)
            rows.append(made)
            truth[name, seed] = drawn, 1_000_000 + number
    random.Random(0).shuffle(rows)
    return rows, truth


# --- a whole file -----------------------------------------------------------------------------------------------------


def test_a_thousand_rows_come_back(thousand, tmp_path):
    rows, truth = thousand
    assert len(rows) == 1000
    said, steps = [], []
    source = written(tmp_path / "nasbench_only108.tfrecord", rows)
    table = import_table(
        source,
        tmp_path / "t.safetensors",
        space=SPACE.name,
        say=said.append,
        progress=lambda *step: steps.append(step),
    )
    assert said == ["2,352 of 2,685 modules are missing; their cells have no values"]
    assert steps[-1] == (333, 2685)
    assert table.source.version == "NAS-Bench-101"
    ordered = {}
    for name, *_, encoded in rows:
        ordered.setdefault(name, []).append(encoded)
    answered = 0
    for index, cell in enumerate(SPACE):
        name = SPACE.canonical(cell)
        known = [drawn for (other, _), (drawn, _) in truth.items() if other == name] if index % 40 == 0 else None
        if known:
            for place, split in enumerate(("train", "valid", "test")):
                value = table.query(index, **ASKED, split=split)
                assert value.mean == pytest.approx(100 * np.mean([one[place] for one in known]), rel=1e-12)
                assert value.n == 3
                per_seed = {table.query(index, **ASKED, split=split, seed=seed).mean for seed in range(3)}
                assert per_seed == {100 * one[place] for one in known}
            cost = table.cost(index, dataset="cifar10")
            assert cost.parameters == truth[name, 0][1]
            assert np.isnan([cost.flops, cost.latency]).all()
            answered += 1
        elif known == []:
            with pytest.raises(UserError, match="has no accuracy"):
                table.query(index, **ASKED, split="test")
    assert answered > 20


def test_a_table_of_all_modules_can_be_searched(tmp_path):
    modules = {name: SPACE.module(SPACE[int(numbers[0])]) for name, numbers in SPACE.numbers_by_hash.items()}
    rows = [row(module, name, 108, 0, number)[0] for number, (name, module) in enumerate(modules.items())]
    table = import_table(written(tmp_path / "x.tfrecord", rows), tmp_path / "t.safetensors", space=SPACE.name)
    assert table.missing == 0
    for name in ("random-search", "regularised-evolution"):
        steps = run_baseline(name, table, evaluations=60)
        assert steps[-1].score == table.query(steps[-1].index, **ASKED, split="valid").mean
        assert steps[-1].truth == table.query(steps[-1].best, **ASKED, split="test").mean
    best = table.best(**ASKED, split="test")
    alike = SPACE.numbers_by_hash[SPACE.canonical(best.architecture)]
    assert {table.query(int(number), **ASKED, split="test").mean for number in alike} == {best.value.mean}


# --- damaged files ----------------------------------------------------------------------------------------------------


def edited(change):
    """A damage that changes one row; its checksums are right."""

    def damage(rows):
        before, one, after = rows[:2], list(rows[2]), rows[3:]
        rows = [*before, change(one), *after]
        return b"".join(framed(value if isinstance(value, bytes) else json.dumps(value).encode()) for value in rows)

    return damage


def bytes_of(rows):
    return b"".join(framed(json.dumps(one).encode()) for one in rows)


def flipped(place):
    """A bit of the third record is another one; `place` counts from its start, or from its end."""

    def damage(rows):
        start, end = len(bytes_of(rows[:2])), len(bytes_of(rows[:3]))
        content = bytearray(bytes_of(rows))
        content[(end if place < 0 else start) + place] ^= 4
        return bytes(content)

    return damage


def cut(bytes_left):
    return lambda rows: bytes_of(rows[:2]) + bytes_of(rows[2:])[:bytes_left]


def put(place, value):
    return edited(lambda one: [*one[:place], value, *one[place + 1 :]])


def with_metrics(message):
    return put(4, base64.b64encode(message).decode())


def unpruned(one):
    matrix = ((0, 1, 1, 0), (0, 0, 0, 1), (0, 0, 0, 0), (0, 0, 0, 0))
    module = Module(matrix, ("input", "maxpool3x3", "maxpool3x3", "output"))
    return [
        module.hash,
        108,
        "".join(str(entry) for line in matrix for entry in line),
        ",".join(module.operations),
        one[4],
    ]


DAMAGES = {
    "a bit of the length": (flipped(0), "record 3"),
    "a high bit of the length": (flipped(6), "record 3: it claims to have"),
    "a bit of the length's checksum": (flipped(9), "record 3: it is damaged"),
    "a bit of the content": (flipped(40), "record 3: it is damaged"),
    "a bit of the content's checksum": (flipped(-2), "record 3: it is damaged"),
    "cut in a length": (cut(5), "record 3: it is cut short"),
    "cut in a content": (cut(50), "record 3: it is cut short"),
    "cut in a checksum": (lambda rows: bytes_of(rows[:3])[:-1], "record 3: it is cut short"),
    "empty": (lambda rows: b"", "no accuracy of nas-bench-1shot1-1"),
    "noise": (lambda rows: random.Random(3).randbytes(5000), "record 1"),
    "a text": (lambda rows: b"index,arch,cifar10_test_200\n" * 9, "record 1"),
    "a record twice": (lambda rows: bytes_of([*rows[:3], rows[2]]), "record 4: a training of .* that stands twice"),
    "a long claim": (lambda rows: bytes_of(rows[:2]) + framed(b"x", 1 << 40), "record 3: it claims to have 1,099"),
    "no JSON": (edited(lambda one: b"[1, 2"), "record 3: no JSON list"),
    "deep JSON": (edited(lambda one: b"[" * 30_000), "record 3: no JSON list"),
    "four entries": (edited(lambda one: one[:4]), "record 3: no JSON list"),
    "no text in it": (edited(lambda one: b"\xff" * 30), "record 3: no JSON list"),
    "epochs as text": (put(1, "108"), "record 3: no JSON list"),
    "epochs true": (put(1, True), "record 3: no JSON list"),
    "epochs 0": (put(1, 0), "record 3: 0 epochs"),
    "epochs without end": (put(1, 10**30), "record 3"),
    "no hash": (put(0, "../x"), "record 3: a hash '../x'"),
    "another hash": (put(0, "0" * 32), "record 3: a module with the hash .*, not 0000"),
    "another module": (
        edited(lambda one: [*one[:2], "0110000100010000", "input,maxpool3x3,maxpool3x3,output", one[4]]),
        "record 3: a module with the hash",
    ),
    "a matrix too short": (edited(lambda one: [*one[:2], one[2][:-1], *one[3:]]), "record 3: a matrix that is not"),
    "a matrix of letters": (
        edited(lambda one: [*one[:2], "x" * len(one[2]), *one[3:]]),
        "record 3: a matrix that is not",
    ),
    "a circle": (edited(lambda one: [*one[:2], one[2][:-1] + "1", *one[3:]]), "record 3: a matrix that is not upper"),
    "an unknown operation": (
        edited(lambda one: [*one[:3], one[3].replace("input", "\x1b[31m", 1), one[4]]),
        "record 3: operations do not",
    ),
    "no operations": (put(3, ""), "record 3"),
    "not pruned": (edited(unpruned), "record 3: a module that is not pruned"),
    "no base64": (put(4, "%%%"), "record 3: metrics that are not base64"),
    "letters beyond ASCII": (put(4, "ä"), "record 3: metrics that are not base64"),
    "no message": (with_metrics(b"\x0b\x0c"), "record 3: a field of kind 3"),
    "a message cut short": (with_metrics(metrics(108, [0.5] * 3, 7)[:-20]), "record 3"),
    "two evaluations": (with_metrics(field(1, b"") * 2 + field(2, 7)), "record 3: 2 evaluations"),
    "no parameters": (with_metrics(metrics(108, [0.5] * 3, 0)), "record 3: 3 evaluations of 0 parameters"),
    "above 1": (with_metrics(metrics(108, [0.5, 1.5, 0.5], 7)), "record 3: a valid accuracy of 1.5"),
    "below 0": (with_metrics(metrics(108, [0.5, 0.5, -0.1], 7)), "record 3: a test accuracy of -0.1"),
    "no number": (with_metrics(metrics(108, [float("nan"), 0.5, 0.5], 7)), "record 3: a train accuracy of nan"),
    "no accuracy": (with_metrics(field(1, b"") * 3 + field(2, 7)), "record 3: a train accuracy of nan"),
    "an endless number": (with_metrics(b"\xff" * 30), "record 3: a number of more than 64 bits"),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(damage, said, thousand, tmp_path):
    source = tmp_path / "nasbench_only108.tfrecord"
    source.write_bytes(damage(thousand[0][:6]))
    with pytest.raises(UserError, match=said) as error:
        import_table(source, tmp_path / "t.safetensors", space=SPACE.name)
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).isprintable()
    assert [path.name for path in tmp_path.iterdir()] == [source.name]


def test_a_fourth_training_is_refused(tmp_path):
    module = SPACE.module(SPACE[5])
    rows = [row(module, module.hash, 108, seed, 0)[0] for seed in range(4)]
    with pytest.raises(UserError, match=r"record 4: a fourth training of .* for 108 epochs"):
        import_table(written(tmp_path / "x.tfrecord", rows), tmp_path / "t.safetensors", space=SPACE.name)
    other = [*rows[:3], row(module, module.hash, 36, 0, 0)[0]]
    table = import_table(written(tmp_path / "x.tfrecord", other), tmp_path / "t.safetensors", space=SPACE.name)
    assert {column.epochs for column in table.columns} == {36, 108}


def test_a_late_damage_is_found_and_named(tmp_path):
    """Records are checked many at a time."""
    source = written(tmp_path / "x.tfrecord", [["x"]] * 5000)
    content = bytearray(source.read_bytes())
    content[4321 * (len(content) // 5000) + 13] ^= 1
    source.write_bytes(content)
    with pytest.raises(UserError, match="record 1: no JSON"):
        import_table(source, tmp_path / "t.safetensors", space=SPACE.name)
    from supernas.benchmarks.importers.tfrecord import TFRecords

    read = iter(TFRecords(source))
    with pytest.raises(UserError, match="record 4,322: it is damaged"):
        list(read)


def test_the_space_is_said_and_of_the_file(thousand, tmp_path, monkeypatch, capsys):
    source = written(tmp_path / "nasbench_only108.tfrecord", thousand[0][:3])
    for space in (None, "nas-bench-201", "darts-cnn"):
        with pytest.raises(UserError, match=r"is of NAS-Bench-101, of which the spaces .*1shot1-1, .* are parts"):
            import_table(source, tmp_path / "t.safetensors", space=space)
    (tmp_path / "x.pth").write_bytes(b"")
    with pytest.raises(UserError, match=r"x\.pth is no table of nas-bench-1shot1-2"):
        import_table(tmp_path / "x.pth", tmp_path / "t.safetensors", space="nas-bench-1shot1-2")
    monkeypatch.setattr("sys.argv", ["supernas", "benchmark", "import", str(source), str(tmp_path / "t.safetensors")])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 2
    assert "--space nas-bench-1shot1-1" in capsys.readouterr().err


# --- its parts --------------------------------------------------------------------------------------------------------


@given(BLOCKS)
def test_checksums_of_many_are_those_of_each(blocks):
    assert crc32c(blocks).tolist() == [crc(block) for block in blocks]
    assert masked_crc32c(blocks).tolist() == [struct.unpack("<I", masked(block))[0] for block in blocks]


def test_published_checksums():
    """RFC 3720, appendix B.4."""
    ascending = bytes(range(32))
    blocks = [bytes(32), b"\xff" * 32, ascending, ascending[::-1]]
    assert crc32c(blocks).tolist() == [0x8A9136AA, 0x62A8AB43, 0x46DD794E, 0x113FDB5C]


VALUES = st.one_of(st.integers(0, 2**64 - 1), st.floats(allow_nan=False), st.binary(max_size=200))


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), VALUES), max_size=8))
def test_fields_come_back(given_fields):
    message = b"".join(field(number, value) for number, value in given_fields)
    plain = [(n, struct.pack("<d", value) if isinstance(value, float) else value) for n, value in given_fields]
    assert list(fields(message)) == plain
    if message:  # any part of it is read, or refused
        for end in range(len(message)):
            read_or_refused(message[:end])


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_refused(message):
    read_or_refused(message)


def read_or_refused(message):
    with contextlib.suppress(ValueError):
        assert sum(1 for _ in fields(message)) <= len(message)


def test_numbers_of_64_bits_are_the_largest():
    assert list(fields(field(1, 2**64 - 1))) == [(1, 2**64 - 1)]
    with pytest.raises(ValueError, match="more than 64 bits"):
        list(fields(b"\x08" + varint(2**64)))


def test_the_runtime_of_protocol_buffers_agrees():
    pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2

    message = descriptor_pb2.FileDescriptorProto(name="x", dependency=["a", "b"], weak_dependency=[300, 5])
    named = [(number, value) for number, value in fields(message.SerializeToString())]
    assert named == [(1, b"x"), (3, b"a"), (3, b"b"), (11, 300), (11, 5)]
