"""What is given at the front door means what the same settings mean in a file."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import supernas
from supernas.core.errors import UserError
from supernas.core.settings import to_plain
from supernas.core.spelling import at_command_line
from supernas.runs.configuration import resolve_search

CELL = supernas.space("nas-bench-201")[6111]


def resolved(tmp_path, **given):
    """The configuration of a search that is not run."""
    return supernas.Search(data="digits", out=tmp_path / str(len([*tmp_path.iterdir()])), **given).config


def test_settings_are_as_good_as_names(tmp_path):
    found = resolved(
        tmp_path,
        method=supernas.methods.GDAS(temperature=5.0),
        objective=supernas.objectives.NSAS(members=4),
        regulariser=supernas.regularisers.Beta(weight=3.0),
        stopping=supernas.stopping.Skips(),
        watch=[supernas.diagnostics.Depth(), "entropy"],
        max_parameters="1.2M",
    )
    document = {
        "method": {"name": "gdas", "temperature": 5.0},
        "objective": {"name": "nsas", "members": 4},
        "regulariser": {"name": "beta", "weight": 3.0},
        "stopping": "skips",
        "watch": {"depth": {}, "entropy": {}},
        "data": {"source": "digits"},
        "budget": {"max_parameters": 1_200_000},
    }
    assert found.document() == resolve_search(document).document()


def test_settings_stand_above_a_file(tmp_path):
    """Whoever gives an object has given all of its values; assignments have the last word."""
    mine = supernas.methods.E2NAS(gamma="0.5")
    file = {"method": {"name": "e2nas", "gamma": "0.9", "warmup": 0.25}}
    assert resolved(tmp_path, method=mine, config=file).method == mine
    last = resolved(tmp_path, method=mine, config=file, set=["method.warmup=0.125"]).method
    assert last == replace(mine, warmup=0.125)


@pytest.mark.parametrize(
    "package", [supernas.methods, supernas.objectives, supernas.regularisers, supernas.proxies, supernas.stopping]
)
def test_every_part_is_there_by_its_class_and_goes_back_to_its_name(package):
    from supernas.api.given import part

    for name in package.names():
        kind = package.get(name)
        assert getattr(package, kind.__name__) is kind
        try:
            made = kind()
        except TypeError:  # it has a setting without a default
            continue
        assert part(package.PARTS, made) == {"name": name, **to_plain(made)}
    with pytest.raises(AttributeError, match="there is no 'Nothing' here"):
        package.Nothing  # noqa: B018


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": 3}, "method = 3: wanted a name, or settings with a name"),
        ({"method": supernas.methods.GDAS}, "wanted a name, or settings with a name"),
        (
            {"method": supernas.objectives.NSAS()},
            "NSAS is no method that has a name: wanted the settings of one of balenas",
        ),
        ({"objective": "nsass"}, "did you mean 'nsas'"),
        ({"watch": 3}, "3 was given; wanted one of depth"),
        (
            {"watch": [supernas.methods.GDAS()]},
            "GDAS is no diagnostic that has a name: wanted the settings of one of depth",
        ),
        ({"max_flops": "3.6G"}, "max_flops='3.6G': wanted a number, such as"),
        ({"config": "nowhere.toml"}, "cannot read the configuration nowhere.toml"),
        ({"set": ["nothing"]}, 'set=["nothing"]: wanted section.name=value'),
    ],
)
def test_what_is_nothing_of_the_kind(tmp_path, given, message):
    with pytest.raises(UserError) as caught:
        supernas.Search(out=tmp_path, **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_and_a_dictionary_are_one(tmp_path):
    document = {"method": "gdas", "search": {"epochs": 3}}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(document))
    made = [resolved(tmp_path, config=config).document() for config in (document, file, str(file))]
    assert made[0] == made[1] == made[2]


def test_one_assignment_is_not_a_text_of_letters(tmp_path):
    assert resolved(tmp_path, set="search.epochs=3").search.epochs == 3


def test_an_architecture_is_taken_as_it_is(tmp_path):
    text = supernas.space("nas-bench-201").format(CELL)
    for number, given in enumerate((CELL, text, 6111, np.int64(6111), "6111")):
        assert supernas.Training(given, data="digits", out=tmp_path / str(number)).config.architecture == CELL


def found_in(folder: Path) -> Path:
    """A folder in which a run found a cell, with the data and the preset of its own."""
    config = resolve_search({"search": {"preset": "cpu"}, "data": {"source": "digits", "train_size": 200}})
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config.document()))
    (folder / "result.json").write_text(json.dumps({"architecture": "6111", "space": "nas-bench-201", "preset": "cpu"}))
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_what_a_run_found_is_trained_as_the_run_was(tmp_path, kind):
    run = kind(found_in(tmp_path / "search"))
    config = supernas.Training(run, out=tmp_path / "train").config
    assert (config.architecture, config.data.train_size, config.train.preset) == (CELL, 200, "cpu")
    other = supernas.Training(run, data="digits", preset="demo", out=tmp_path / "other").config
    assert (other.data.train_size, other.train.preset) == (None, "demo")
    with pytest.raises(UserError, match="is a run in the space nas-bench-201, not darts-cnn"):
        supernas.Training(run, space="darts-cnn")


@pytest.mark.parametrize(
    ("door", "told"), [(at_command_line, "so --compare-random has"), (nullcontext, "so compare_random has")]
)
def test_there_is_nothing_to_compare_random_architectures_on(tmp_path, door, told):
    options = {"data": "digits", "set": ["train.split=0.5"], "compare_random": 1, "out": tmp_path}
    message = f"train.split leaves the test images alone, {told} nothing to compare"
    with door(), pytest.raises(UserError, match=message):
        supernas.Training(3, **options)


def test_random_architectures_are_trained_alike(tmp_path):
    """On data and a task that were given in Python, too."""
    rng = np.random.default_rng(0)
    data = supernas.Data(
        (rng.random((32, 1, 8, 8), dtype=np.float32), rng.integers(0, 2, 32)),
        test=(rng.random((16, 1, 8, 8), dtype=np.float32), rng.integers(0, 2, 16)),
    )
    task = supernas.classification(label_smoothing=0.1)
    small = {"network": {"channels": 4, "cells": 1}, "train": {"batch_size": 8}}
    options = {"data": data, "task": task, "epochs": 1, "config": small, "out": tmp_path / "run"}
    result = supernas.train(CELL, **options, compare_random=2)
    assert [one.folder.parent for one in result.random] == [result.folder / "random"] * 2
    assert all(one.test_metric is not None and one.task is task for one in result.random)
    assert supernas.train(CELL, **options).random == ()
