"""A table answers what its source holds, to the question that was asked, and to no other."""

import json
from dataclasses import asdict
from statistics import stdev

import numpy as np
import pytest
from safetensors.numpy import save

from supernas.benchmarks import Column, Source, Table, import_table, load, made_up_table
from supernas.benchmarks.arrays import digest_arrays
from supernas.benchmarks.collect import Collector
from supernas.benchmarks.curves import curves_path
from supernas.core.errors import UserError

A = Column("cifar10", "train", "test", 200)
B = Column("cifar10", "train+valid", "test", 200)
C = Column("cifar10", "train+valid", "test", 12)


@pytest.fixture
def table():
    """Three columns; architecture 0 lacks a seed, architecture 2 lacks all."""
    accuracy = np.full((4, 15625), 50.0)
    accuracy[:, 0] = [60.0, 70.0, np.nan, 40.0]
    accuracy[:, 1] = [61.0, 71.0, 73.0, 41.0]
    accuracy[:, 2] = np.nan
    return Table("nas-bench-201", [(A, 777), (B, 777), (B, 888), (C, "mean")], accuracy, {}, Source("s", "v", ""))


def test_means_and_deviations_are_over_the_seeds_that_are_there(table):
    value = table.query(1, dataset="cifar10", split="test", epochs=200, trained_on="train+valid")
    assert (value.mean, value.n) == (72.0, 2)
    assert value.deviation == pytest.approx(stdev([71.0, 73.0]))
    alone = table.query(0, **asdict(B))
    assert (alone.mean, alone.n) == (70.0, 1)
    assert np.isnan(alone.deviation)
    assert table.query(1, **asdict(B), seed=888).mean == 73.0
    assert table.query(1, **asdict(C)).n is None  # the source tells no seeds apart
    column = table.column(**asdict(B))
    assert column[:2].tolist() == [70.0, 72.0]
    assert np.isnan(column[2])
    with pytest.raises(ValueError, match="read-only"):
        column[0] = 1.0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"split": "test"}, "fits 3 columns; add trained_on=train|train+valid and epochs=12|200"),
        ({"epochs": 200}, "fits 2 columns; add trained_on=train|train+valid"),
        ({"epochs": 12, "trained_on": "train"}, "no column with trained_on=train epochs=12; it has"),
        ({"dataset": "cifar-10", "epochs": 12}, "did you mean 'cifar10'"),
        ({"dataset": "cifar10-valid", "epochs": 12}, "here it is dataset=cifar10 trained_on=train"),
        ({"dataset": "CIFAR10_valid", "epochs": 12}, "here it is dataset=cifar10 trained_on=train"),
        ({"split": "x-valid", "epochs": 12}, "here it is split=valid"),
        ({"split": "x-test", "epochs": 12}, "here it is split=test"),
        ({"split": "ori-test", "epochs": 12}, "here it is split=test for cifar10, and split=valid+test"),
        ({"epochs": 12, "seed": 777}, "has no seed=777; wanted mean"),
    ],
)
def test_what_fits_not_exactly_one_column_is_refused(table, asked, said):
    for ask in (lambda: table.query(0, **asked), lambda: table.column(**asked), lambda: table.best(**asked)):
        with pytest.raises(UserError) as error:
            ask()
        assert said in str(error.value)


def test_what_is_left_out_may_not_matter(table):
    assert table.query(0, epochs=12).mean == 40.0


def test_an_address_has_four_parts(table):
    for ask in (table.choose, table.column, table.best):
        with pytest.raises(TypeError, match="no 'epoch'; its parts are dataset, trained_on, split, epochs"):
            ask(epoch=12)
    assert table.choose(epochs=12, split=None) == C


def test_architectures_in_any_form(table, space):
    forms = [1, np.int64(1), "1", space[1], space.format(space[1])]
    assert {table.query(form, epochs=12).mean for form in forms} == {41.0}
    for wrong in (-1, 15625, "|none~0|", type(space[1]).of([9] * 6), type(space[1]).of([0])):
        with pytest.raises(UserError):
            table.query(wrong, epochs=12)


def test_a_value_that_the_source_lacks_is_no_number(table):
    with pytest.raises(UserError, match="no accuracy of architecture 2"):
        table.query(2, epochs=12)
    with pytest.raises(UserError, match="seed=888"):
        table.query(0, **asdict(B), seed=888)
    assert table.missing == 1


def test_best_and_rank_agree_with_sorting():
    table = made_up_table()
    asked = asdict(table.columns[0])
    accuracies = table.column(**asked)
    order = np.argsort(-accuracies)
    assert table.best(**asked).index == order[0]
    assert table.best(**asked).value == table.query(int(order[0]), **asked)
    assert [table.rank(int(order[place]), **asked) for place in (0, 1, 77, 15624)] == [1, 2, 78, 15625]


def test_equals_share_a_rank_and_missing_ones_have_none(table):
    assert table.best(**asdict(B)).index == 1
    assert [table.rank(index, **asdict(B)) for index in (1, 0, 3, 4)] == [1, 2, 3, 3]


def test_what_is_no_table_is_refused_in_one_line(tmp_path, data_root):
    path = tmp_path / "t.safetensors"
    source = data_root / "nas-bench-201" / "accuracies.csv"
    if not source.exists():
        pytest.skip(f"no {source}")
    import_table(source, path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:1000], whole[:-8], b"\xff" * 100):
        path.write_bytes(damaged)
        with pytest.raises(UserError) as error:
            load(path)
        assert "\n" not in str(error.value)
    with pytest.raises(UserError, match="cannot read"):
        load(tmp_path / "none.safetensors")


@pytest.fixture
def written(tmp_path):
    """The path of a table with a curve."""
    path = tmp_path / "t.safetensors"
    with Collector("nas-bench-201", path) as collector:
        for index in (0, 5):
            collector.accuracy(index, A, 777, 50.5 + index)
            collector.curve(index, A, 777, np.linspace(10, 60, A.epochs))
        collector.cost(0, "cifar10", 1.0, 2.0, 0.5)
        collector.write(Source("s", "v", "0"))
    return path


def read_all(path):
    table = load(path)
    answers = [table.query(index, **asdict(A)).mean for index in (0, 5)]
    curves = [table.curve(index, **asdict(A)).tolist() for index in (0, 5)]
    return answers, curves, table.cost(0, dataset="cifar10"), table.source, table.columns


@pytest.mark.parametrize("which", ["table", "curves"])
def test_no_flipped_bit_of_a_table_is_taken(written, which):
    good = read_all(written)
    path = written if which == "table" else curves_path(written)
    whole = path.read_bytes()
    header = int.from_bytes(whole[:8], "little")
    generator = np.random.default_rng(0)
    places = [*generator.integers(0, 8 * header, 120), *generator.integers(0, 8 * len(whole), 30)]
    if which == "curves":
        places += list(generator.integers(8 * (8 + header), 8 * (8 + header) + 2 * 64 * A.epochs, 30))
    for place in places:
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        said = ""
        try:
            read = read_all(written)
        except UserError as error:
            read, said = good, str(error)
        assert read == good, place
        assert "\n" not in said


ABOUT = {"format": 2, "space": "nas-bench-201", "source": vars(Source("s", "v", "0")), "costs": [], "curves": None}


@pytest.mark.parametrize(
    ("change", "value", "said"),
    [
        ({}, 100.5, "an accuracy that is not from 0 to 100"),
        ({}, -1e-9, "an accuracy that is not from 0 to 100"),
        ({}, np.inf, "an accuracy that is not from 0 to 100"),
        ({"columns": [[*vars(A).values(), 1]] * 2}, 50.0, "a column stands twice"),
        ({"columns": [[*vars(A).values(), 1]]}, 50.0, "its arrays are not of 1 columns"),
        ({"space": "darts-cnn"}, 50.0, "its arrays are not of"),
        ({"space": "none"}, 50.0, "unknown space"),
        ({"columns": [[*vars(A).values(), "1"]] * 2}, 50.0, "is no table"),
        ({"columns": [[[], "train", "test", 12, 1]] * 2}, 50.0, "is no table"),
        ({"source": {"name": 3}}, 50.0, "is no table"),
        ({"costs": ["cifar10"]}, 50.0, "its arrays are not of"),
        ({"format": 1}, 50.0, "table format 1, wanted 2"),
    ],
)
def test_what_a_table_cannot_hold(tmp_path, change, value, said):
    columns = [[*vars(A).values(), seed] for seed in (1, 2)]
    text = json.dumps({**ABOUT, "columns": columns, **change})
    arrays = {"accuracy": np.full((2, 15625), value)}
    path = tmp_path / "t.safetensors"
    path.write_bytes(save(arrays, {"supernas-benchmark": text, "sha256": digest_arrays(text, arrays)}))
    with pytest.raises(UserError, match=said) as caught:
        load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 100.1])
def test_what_is_no_accuracy_is_not_imported(tmp_path, value):
    collector = Collector("nas-bench-201", tmp_path / "t.safetensors")
    with collector, pytest.raises(UserError, match="wanted 0 to 100"):
        collector.accuracy(3, A, 777, value)


def test_equal_imports_leave_equal_files(tmp_path):
    for name in "abcdefgh":  # the library's order of texts is another only now and then
        with Collector("nas-bench-201", tmp_path / f"{name}.safetensors") as collector:
            collector.accuracy(5, A, 777, 12.5)
            collector.curve(5, A, 777, np.array([1.0, 2.0, 12.5]))
            collector.write(Source("s", "v", ""))
    for kind in (".safetensors", ".curves.safetensors"):
        assert len({(tmp_path / f"{name}{kind}").read_bytes() for name in "abcdefgh"}) == 1
    curve = load(tmp_path / "a.safetensors").curve(5, **asdict(A), seed=777)
    assert list(curve) == [1.0, 2.0, 12.5]
