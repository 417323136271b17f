"""Published files come in whole and right, or are refused in one line that names the place."""

import bz2
import csv
import os
import pickle
import shutil

import numpy as np
import pytest
import torch

from supernas.benchmarks import import_table
from supernas.benchmarks.fetch import fetch
from supernas.core.errors import UserError
from supernas.data.pickles import safe_load

from .official_layout import single_file, state

OFFICIAL = {
    ("cifar10-valid", "x-valid"): ("cifar10", "train", "valid"),
    ("cifar10-valid", "ori-test"): ("cifar10", "train", "test"),
    ("cifar10-valid", "train"): ("cifar10", "train", "train"),
    ("cifar10", "ori-test"): ("cifar10", "train+valid", "test"),
    ("cifar10", "train"): ("cifar10", "train+valid", "train"),
    **{
        (official, split): (official.lower(), "train", ours)
        for official in ("cifar100", "ImageNet16-120")
        for split, ours in (("x-valid", "valid"), ("x-test", "test"), ("ori-test", "valid+test"), ("train", "train"))
    },
}


@pytest.fixture
def nats(data_root):
    folder = data_root / "nas-bench-201" / "NATS-tss-v1_0-3ffb9-simple"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return folder


@pytest.fixture
def accuracies(data_root):
    file = data_root / "nas-bench-201" / "accuracies.csv"
    if not file.exists():
        pytest.skip(f"no {file}")
    return file


def write_bz2(path, value):
    path.write_bytes(bz2.compress(pickle.dumps(value, 4), 1))


def assert_holds(table, index, states):
    """Every accuracy, mean, curve and cost of an architecture's states is in the table, to the last bit."""
    asked = 0
    for one in states.values():
        for (dataset, seed), result in one["all_results"].items():
            epochs = result["epochs"]
            seeds = [s for d, s in one["all_results"] if d == dataset]
            series = {"train": result["train_acc1es"]}
            for name, value in result["eval_acc1es"].items():
                split, _, epoch = name.partition("@")
                series.setdefault(split, {})[int(epoch)] = value
            for split, values in series.items():
                ours = dict(
                    zip(("dataset", "trained_on", "split"), OFFICIAL[dataset, split], strict=True), epochs=epochs
                )
                assert table.query(index, **ours, seed=seed).mean == values[epochs - 1]
                finals = [
                    result["train_acc1es"][epochs - 1]
                    if split == "train"
                    else result["eval_acc1es"][f"{split}@{epochs - 1}"]
                    for result in (one["all_results"][dataset, s] for s in seeds)
                ]
                answer = table.query(index, **ours)
                assert answer.n == len(seeds)
                assert answer.mean == pytest.approx(sum(finals) / len(finals), rel=1e-15)
                assert answer.mean == table.column(**ours)[index]
                if len(values) > 1:
                    curve = table.curve(index, **ours, seed=seed)
                    assert [curve[epoch] for epoch in values] == list(values.values())
                    assert len(curve) == epochs
                asked += 1
            cost = table.cost(index, dataset=OFFICIAL[dataset, "train"][0])
            assert (cost.parameters / 1e6, cost.flops / 1e6) == (result["params"], result["flop"])
            assert cost.latency == pytest.approx(result["latency"][0], rel=1e-15)
    return asked


def test_the_official_files_answer_exactly_what_they_hold(nats, tmp_path):
    said = []
    table = import_table(nats, tmp_path / "t.safetensors", say=said.append)
    for index in (0, 11):
        states = safe_load(bz2.decompress((nats / f"{index:06d}.pickle.pbz2").read_bytes()))
        assert assert_holds(table, index, states) == 16 + 39  # (dataset, split, seed): 12 and 200 epochs
    assert said == ["15,623 of 15,625 files are missing; their architectures have no values"]
    assert table.missing == 15623
    assert table.source.version == "NATS-Bench topology v1.0"
    # the three "test accuracies" of one cell
    asked = {"dataset": "cifar10", "split": "test"}
    assert round(table.query(11, **asked, trained_on="train+valid", epochs=200).mean, 2) == 91.58
    assert round(table.query(11, **asked, trained_on="train", epochs=200).mean, 2) == 87.65
    assert table.query(11, **asked, trained_on="train+valid", epochs=12).mean == 74.0
    with pytest.raises(UserError, match=r"trained_on=train\|train"):
        table.query(11, **asked, epochs=200)


@pytest.mark.parametrize("name", ["NATS-sss-v1_0-50262-simple", "renamed"])
def test_files_of_the_size_space_are_called_so(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    sizes = {key: {"arch_str": "64:16:8:64:32", "all_results": {}} for key in ("01", "12", "90")}
    write_bz2(folder / "000011.pickle.pbz2", sizes)
    (tmp_path / "many").mkdir()
    many = (tmp_path / "many" / "NATS-sss-x").absolute()
    many.mkdir()
    write_bz2(many / "032767.pickle.pbz2", sizes)
    single = tmp_path / f"{name}.pickle.pbz2"
    write_bz2(single, {"meta_archs": ["8:8:8:8:8"] * 32_768, "arch2infos": {}})
    for source in (folder, many, single):
        with pytest.raises(UserError, match=r"is of NATS-Bench's size space \(sss\)"):
            import_table(source, tmp_path / "t.safetensors")
    with pytest.raises(UserError, match="size space"):
        fetch("nats-sss")


def test_the_csv_has_the_published_optima(accuracies, tmp_path):
    table = import_table(accuracies, tmp_path / "t.safetensors")
    best = [table.best(dataset=name, split="test", epochs=200) for name in ("cifar10", "cifar100", "ImageNet16-120")]
    assert [(one.index, round(one.value.mean, 2)) for one in best] == [(6111, 94.37), (9930, 73.51), (857, 47.31)]
    with accuracies.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for column, trained_on in (("cifar10_valid_12", "train"), ("cifar10_test_12", "train+valid")):
        dataset, split, epochs = column.split("_")
        ours = table.column(dataset=dataset, split=split, epochs=int(epochs), trained_on=trained_on)
        assert ours.tolist() == [float(row[column]) for row in rows]
    assert table.source.sha256
    with pytest.raises(UserError, match="without learning curves"):
        table.curve(0, dataset="cifar100", split="test", epochs=12)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_the_pth_layout_comes_back(zipped, space, tmp_path):
    content = single_file(space, [0, 11, 15624])
    path = tmp_path / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    said, steps = [], []
    table = import_table(path, tmp_path / "t.safetensors", say=said.append, progress=lambda *step: steps.append(step))
    for index, states in content["arch2infos"].items():
        assert_holds(table, index, states)
    assert table.source.version == "NAS-Bench-201 v1.1"
    assert "GB of memory" in said[0]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_the_single_nats_file_comes_back(space, tmp_path):
    content = single_file(space, [3], names=("12", "200"))
    write_bz2(tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2", content)
    table = import_table(tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2", tmp_path / "t.safetensors")
    assert_holds(table, 3, content["arch2infos"][3])


def test_a_trial_with_the_cost_of_another_cell_does_not_count(space, tmp_path):
    states = {"200": state(space, 5, 200, [777, 888, 999])}
    states["200"]["all_results"]["cifar100", 777]["flop"] = 1.0
    write_bz2(tmp_path / "000005.pickle.pbz2", states)
    table = import_table(tmp_path, tmp_path / "t.safetensors", curves=False)
    assert table.cost(5, dataset="cifar100").flops == 113951370
    assert not (tmp_path / "t.curves.safetensors").exists()


def test_curves_of_another_import_are_refused(space, tmp_path):
    for name, index in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        write_bz2(tmp_path / name / f"{index:06d}.pickle.pbz2", {"12": state(space, index, 12, [111])})
        table = import_table(tmp_path / name, tmp_path / f"{name}.safetensors")
    shutil.copy(tmp_path / "a.curves.safetensors", tmp_path / "b.curves.safetensors")
    with pytest.raises(UserError, match="another table"):
        table.curve(2, dataset="cifar100", split="test", epochs=12)


# -- what is wrong -----------------------------------------------------------------------------------------------------


class Malicious:
    def __reduce__(self):
        return os.system, ("touch executed",)


def refused(source, tmp_path):
    """The message of a refused import, which is one line and leaves nothing behind."""
    destination = tmp_path / "out" / "t.safetensors"
    with pytest.raises(UserError) as error:
        import_table(source, destination)
    assert "\n" not in str(error.value)
    assert not destination.parent.exists() or not list(destination.parent.iterdir())
    return str(error.value)


@pytest.mark.parametrize("kind", ["folder", "meta", "single", "pth"])
def test_a_malicious_file_runs_nothing(kind, space, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = tmp_path / {"single": "n.pickle.pbz2", "pth": "n.pth"}.get(kind, "n")
    if kind == "pth":
        torch.save({"meta_archs": Malicious()}, source)
    elif kind == "single":
        write_bz2(source, {"arch2infos": Malicious()})
    else:
        source.mkdir()
        write_bz2(source / "000000.pickle.pbz2", {"12": state(space, 0, 12, [111])})
        write_bz2(source / ("meta.pickle.pbz2" if kind == "meta" else "000001.pickle.pbz2"), Malicious())
    assert "system" in refused(source, tmp_path)
    assert not (tmp_path / "executed").exists()


def _cut(states):
    return bz2.compress(pickle.dumps(states))[:-20]


def _other_cell(states):
    states["12"]["arch_str"] = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    return bz2.compress(pickle.dumps(states))


def _too_high(states):
    states["12"]["all_results"]["cifar100", 111]["eval_acc1es"]["x-test@11"] = 940
    return bz2.compress(pickle.dumps(states))


def _not_laid_out(states):
    del states["12"]["all_results"]["cifar10", 111]["epochs"]
    return bz2.compress(pickle.dumps(states))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut, "cut short"),
        (_other_cell, "architecture 1 is"),
        (_too_high, "accuracy 940 at cifar100 seed 111 test@11"),
        (_not_laid_out, "not laid out"),
    ],
)
def test_a_damaged_file_of_a_folder_is_named(damage, said, space, tmp_path):
    folder = tmp_path / "n"
    folder.mkdir()
    write_bz2(folder / "000000.pickle.pbz2", {"12": state(space, 0, 12, [111])})
    (folder / "000001.pickle.pbz2").write_bytes(damage({"12": state(space, 1, 12, [111])}))
    message = refused(folder, tmp_path)
    assert said in message
    assert "000001.pickle.pbz2" in message


def test_an_interrupted_import_leaves_the_old_table(space, tmp_path):
    folder = tmp_path / "n"
    folder.mkdir()
    for index in (0, 1):
        write_bz2(folder / f"{index:06d}.pickle.pbz2", {"12": state(space, index, 12, [111])})
    destination = tmp_path / "out" / "t.safetensors"
    import_table(folder, destination)
    before = {path.name: path.read_bytes() for path in destination.parent.iterdir()}

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_table(folder, destination, progress=interrupt)
    assert {path.name: path.read_bytes() for path in destination.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.insert(4, rows[2]), "line 5: |nor_conv_3x3~0|"),
        (
            lambda rows: rows[2].__setitem__(1, "|nor_conv_7x7~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
            "line 3: unknown",
        ),
        (lambda rows: rows[3].__setitem__(2, "940"), "line 4: cifar10_test_200 is '940'"),
        (lambda rows: rows[3].__setitem__(2, "nan"), "line 4: cifar10_test_200 is 'nan'"),
        (lambda rows: rows[3].__setitem__(2, "8_5"), "line 4: cifar10_test_200 is '8_5'"),
        (lambda rows: rows[3].__setitem__(2, "\N{ARABIC-INDIC DIGIT ONE}"), "line 4: cifar10_test_200 is "),
        (lambda rows: rows[3].__setitem__(0, "7"), "line 4: index '7'"),
        (lambda rows: rows[3].pop(), "line 4: 10 fields; wanted 11"),
        (lambda rows: rows.pop(8), "ends at line 15625 with 15,624 of 15,625 architectures: architecture 7"),
        (lambda rows: rows[0].__setitem__(2, "cifar10_accuracy"), "line 1: column 'cifar10_accuracy'"),
        (lambda rows: rows[0].__setitem__(3, "cifar10_test_200"), "line 1: a column stands twice"),
        (lambda rows: rows[0].__setitem__(1, "cell"), "line 1: no column 'arch'"),
    ],
)
def test_a_wrong_line_of_a_csv_is_named(change, said, space, tmp_path):
    rows = [["index", "arch", "cifar10_test_200", *(f"cifar100_test_{epoch}" for epoch in range(8))]]
    rows += [[str(index), space.format(cell), *["50.5"] * 9] for index, cell in enumerate(space)]
    change(rows)
    path = tmp_path / "a.csv"
    path.write_text("\n".join(map(",".join, rows)) + "\n")
    assert said in refused(path, tmp_path)


def test_an_empty_field_of_a_csv_is_a_missing_value(space, tmp_path):
    lines = [
        "arch,cifar10_test_200",
        *(f"{space.format(cell)},{'' if i == 3 else i % 90}" for i, cell in enumerate(space)),
    ]
    (tmp_path / "a.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]))
    table = import_table(tmp_path / "a.csv", tmp_path / "t.safetensors")  # in any order
    assert np.isnan(table.column()).nonzero()[0].tolist() == [3]
    assert table.query(89).mean == 89.0


def test_what_cannot_be_imported_is_said(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"")
    assert "wanted a NATS-tss folder" in refused(tmp_path / "a.zip", tmp_path)
    assert "there is no" in refused(tmp_path / "b", tmp_path)
    (tmp_path / "n").mkdir()
    assert "holds no files 000000" in refused(tmp_path / "n", tmp_path)
    with pytest.raises(UserError, match=r"ends in \.safetensors"):
        import_table(tmp_path / "n", tmp_path / "t.pth")
