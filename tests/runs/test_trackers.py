"""Trackers show what the JSON lines say, no more and no less, however often a run is stopped and resumed."""

import json
import struct
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import supernas
from runs_toy import SEARCH, TRAIN
from supernas.core.errors import UserError
from supernas.core.records import read_lines
from supernas.runs import trackers
from supernas.runs.trackers.base import numbers

MISSING = "pip install it to test the tracker itself; its calls are tested anyway"


def of_tensorboard(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "trackers" / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    return {name: [(point.step, point.value) for point in events.Scalars(name)] for name in events.Tags()["scalars"]}


def of_wandb(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = folder.rglob("*.wandb")
    found: dict[str, list[tuple[int, float]]] = {}
    for data in log_records(file.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for name, value in row.items():
            found.setdefault(name, []).append((row["_step"], value))
        outcome = [item for item in record.summary.update if item.key.startswith("result/")]
        found |= {item.key: [(0, json.loads(item.value_json))] for item in outcome}
    return found


def log_records(content: bytes):
    """The records of a file in LevelDB's log format, behind seven bytes of its own: blocks of 32 KiB with pieces of
    (checksum, length, whole 1 | first 2 | middle 3 | last 4).
    """
    place, whole = 7, b""
    while place + 7 <= len(content):
        if (room := 32768 - place % 32768) < 7:
            place += room
            continue
        _, length, kind = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield whole
            whole = b""


def of_mlflow(folder: Path) -> dict[str, list[tuple[int, float]]]:
    found = {}
    (run,) = (path.parent for path in folder.glob("trackers/mlflow/*/*/meta.yaml"))
    for file in (path for path in (run / "metrics").rglob("*") if path.is_file()):
        rows = [line.split() for line in file.read_text().splitlines()]
        found[str(file.relative_to(run / "metrics"))] = [(int(step), float(value)) for _, value, step, *_ in rows]
    return found


REAL = {"tensorboard": of_tensorboard, "wandb": of_wandb, "mlflow": of_mlflow}


def interrupted(**options):
    """A toy search that ^C ends within the second epoch."""
    search = supernas.Search(config=SEARCH, **options)
    search.on_step = lambda progress, metrics: search.stop() if progress.epoch else None
    with pytest.raises(KeyboardInterrupt):
        search.run()


@pytest.mark.filterwarnings("ignore")  # those of the libraries
@pytest.mark.parametrize("name", REAL)
def test_a_resumed_run_has_each_epoch_once(name, tmp_path):
    pytest.importorskip(trackers.get(name).module, reason=f"{name}: {MISSING}")
    out = tmp_path / "a run"
    interrupted(tracker=name, out=out)
    assert len(read_lines(out / "metrics.jsonl")) == 1
    record = supernas.search(config=SEARCH, tracker=name, out=out).record
    lines, shown = read_lines(out / "metrics.jsonl"), REAL[name](out)
    assert [line["epoch"] for line in lines] == [0, 1]
    assert {name for line in lines for name in numbers(line)} <= set(shown)
    for number in numbers(lines[0]):
        wanted = [(line["epoch"], pytest.approx(numbers(line)[number])) for line in lines if number in numbers(line)]
        assert shown[number] == wanted, number
    assert shown["result/parameters"][-1][1] == record["parameters"]


def test_a_tracker_may_join_a_run_that_is_finished(tmp_path):
    pytest.importorskip("tensorboard")
    supernas.train(TRAIN["architecture"], config=TRAIN, out=tmp_path / "run")
    supernas.train(TRAIN["architecture"], config=TRAIN, out=tmp_path / "run", tracker=["tensorboard"])
    lines = read_lines(tmp_path / "run" / "metrics.jsonl")
    assert of_tensorboard(tmp_path / "run")["loss"] == [
        (place, pytest.approx(line["loss"])) for place, line in enumerate(lines)
    ]


# -- by their calls ----------------------------------------------------------------------------------------------------


class Calls(list):
    """Holds what is called."""

    def named(self, name, result=None):
        def call(*arguments, **options):
            self.append((name, arguments, options))
            return result

        return call


@pytest.fixture
def wandb(monkeypatch):
    calls, module = Calls(), ModuleType("wandb")
    summary = SimpleNamespace(update=calls.named("summary"))
    run = SimpleNamespace(log=calls.named("log"), finish=calls.named("finish"), summary=summary)
    module.init, module.Settings = calls.named("init", run), dict
    monkeypatch.setitem(sys.modules, "wandb", module)
    return calls


@pytest.fixture
def mlflow(monkeypatch):
    calls = Calls()
    client = SimpleNamespace(
        create_experiment=calls.named("experiment", "7"),
        create_run=calls.named("run", SimpleNamespace(info=SimpleNamespace(run_id="r"))),
        log_batch=calls.named("batch"),
        log_metric=calls.named("metric"),
        set_terminated=calls.named("end"),
    )
    for name, content in (
        ("mlflow", {}),
        ("mlflow.entities", {"Param": lambda key, value: (key, value)}),
        ("mlflow.tracking", {"MlflowClient": calls.named("client", client)}),
    ):
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return calls


def test_the_calls_of_wandb(wandb, tmp_path):
    interrupted(tracker="wandb", out=tmp_path)
    first = list(wandb)
    wandb.clear()
    record = supernas.search(config=SEARCH, tracker="wandb", out=tmp_path).record
    (_, _, begun), (_, _, again) = first[0], wandb[0]
    assert begun == again  # its identifier too
    assert (begun["mode"], begun["dir"]) == ("offline", str(tmp_path / "trackers" / "wandb"))
    assert begun["config"]["method"]["name"] == "e2nas"
    assert [options["step"] for name, _, options in first if name == "log"] == [0]
    rows = [(arguments[0], options["step"]) for name, arguments, options in wandb if name == "log"]
    assert rows == [(numbers(line), line["epoch"]) for line in read_lines(tmp_path / "metrics.jsonl")]
    assert [name for name, _, _ in wandb[-2:]] == ["summary", "finish"]
    assert wandb[-2][1][0]["result/parameters"] == record["parameters"]


def test_the_calls_of_mlflow(mlflow, tmp_path):
    interrupted(tracker="mlflow", out=tmp_path / "a run")
    assert mlflow[-1] == ("end", ("r", "KILLED"), {})
    mlflow.clear()
    supernas.search(config=SEARCH, tracker="mlflow", out=tmp_path / "a run")
    assert mlflow[0] == ("client", (), {"tracking_uri": (tmp_path / "a run" / "trackers" / "mlflow").as_uri()})
    settings = dict(pair for name, _, options in mlflow if name == "batch" for pair in options["params"])
    assert settings["method.name"] == '"e2nas"'
    losses = [(arguments[2], options["step"]) for name, arguments, options in mlflow if arguments[1:2] == ("loss",)]
    assert losses == [(line["loss"], line["epoch"]) for line in read_lines(tmp_path / "a run" / "metrics.jsonl")]
    assert mlflow[-1] == ("end", ("r", "FINISHED"), {})


@pytest.mark.parametrize("name", trackers.names())
def test_what_is_not_installed_is_named_before_anything_is_written(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, trackers.get(name).module, None)
    for run in (supernas.Search, lambda **options: supernas.Training("6111", **options)):
        with pytest.raises(UserError, match=f"pip install {name}$"):
            run(tracker=name, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_every_tracker_is_an_extra():
    tomllib = pytest.importorskip("tomllib")
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(trackers.names()) <= set(project["optional-dependencies"])


def test_an_unknown_tracker(tmp_path):
    with pytest.raises(UserError, match="unknown tracker 'wandbb'; did you mean 'wandb'"):
        supernas.Search(tracker="tensorboard, wandbb", out=tmp_path / "run")


@pytest.mark.parametrize("place", ["trackers", "trackers/wandb"])
def test_a_link_in_the_place_of_a_trackers_folder_is_not_followed(wandb, tmp_path, place):
    (tmp_path / "kept" / "wandb").mkdir(parents=True)
    (tmp_path / "kept" / "wandb" / "file").touch()
    link = tmp_path / "run" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "kept")
    supernas.Search(config=SEARCH, tracker="wandb", out=tmp_path / "run")
    assert (tmp_path / "kept" / "wandb" / "file").exists()
    assert not link.is_symlink()


def test_what_another_program_left_beside_a_run_is_kept(wandb, tmp_path):
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "file").touch()
    supernas.Search(config=SEARCH, tracker="wandb", out=tmp_path)
    assert (tmp_path / "wandb" / "file").exists()
