"""What is written computes what was trained, without the package."""

import ast
import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import supernas
from runs_toy import CELL, make
from supernas.errors import UserError
from supernas.export import check, export, families, formats
from supernas.export.source import literal, written
from supernas.export.templates import nas_bench_201
from supernas.export.trained import Inputs, Trained, read_trained
from supernas.networks.nas_bench_201 import NASBench201Network
from supernas.networks.base import Standalone

ONNX = ("onnx", "onnxscript", "onnxruntime")
EMPTY_NODE = CELL.replace("nor_conv_3x3~0|+", "none~0|+", 1)  # node 1 is zero, and node 2 reads it
TOYS = {
    "nas-bench-201": {"architecture": EMPTY_NODE},
    "darts-cnn": {
        "space": "darts-cnn",
        "architecture": "Random_NSAS",  # holds `none`
        "network": {"cells": 3, "auxiliary_weight": 0.4, "drop_path": 0.2},
        "data": {"source": "made.npz"},
    },
}
SIDES = {"cifar": 9, "imagenet": 17}  # odd ones: the reductions pad


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """The run folder of a finished toy training of each family."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (12, 33, 33, 3), dtype=np.uint8)  # what an auxiliary head can read
    np.savez(folder / "made.npz", x_train=images, y_train=np.arange(12) % 3)
    changes = {"network": {"channels": 4, "cells": 1}, "train": {"epochs": 1, "batch_size": 12}}
    made = {}
    for name, toy in TOYS.items():
        document = supernas.configuration.merge(changes, toy)
        if "data" in toy:
            document["data"]["source"] = str(folder / "made.npz")
        made[name] = folder / name
        make("train", made[name], document).run()
    return made


def module_at(path):
    spec = importlib.util.spec_from_file_location("network", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# -- whole exports -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TOYS)
def test_a_network_as_source_needs_torch_and_safetensors_only(name, runs, tmp_path):
    made = export(runs[name], out=tmp_path / "out")
    assert sorted(path.name for path in made.folder.iterdir()) == ["export.json", "network.py", "weights.safetensors"]
    assert made.record["difference"] <= check.TOLERANCE * made.record["largest_logit"] != 0
    source = made.files[0].read_text()
    assert {name.partition(".")[0] for name in imports(source)} - sys.stdlib_module_names == {"torch", "safetensors"}
    assert list(tmp_path.iterdir()) == [made.folder]
    module, trained = module_at(made.files[0]), read_trained(runs[name])
    for norm in (one for one in module.load().modules() if isinstance(one, torch.nn.BatchNorm2d)):
        assert norm.num_batches_tracked > 0
        assert not norm.running_mean.equal(torch.zeros_like(norm.running_mean))
    assert "auxiliary" not in " ".join(load_file(made.files[1]))
    assert trained.config.architecture[:60] in source
    ruff = [sys.executable, "-m", "ruff"]
    if find_spec("ruff"):
        config = ["--config", str(Path(__file__).parents[1] / "pyproject.toml"), str(made.files[0])]
        for command in (["check", "--no-cache"], ["format", "--no-cache", "--check"]):
            subprocess.run([*ruff, *command, *config], check=True, capture_output=True)


def imports(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize(("format", "name"), [("pt2", "darts-cnn"), ("onnx", "nas-bench-201")])
def test_a_network_as_a_program_takes_batches_of_any_size(format, name, runs, tmp_path):
    for library in ONNX if format == "onnx" else ():
        pytest.importorskip(library)
    made = export(runs[name], format=format, out=tmp_path / "out")  # compares on more than the traced batch of two
    assert made.record["difference"] <= check.TOLERANCE * made.record["largest_logit"] != 0
    trained, read = read_trained(runs[name]), {}
    exec(formats.get(format).reader, read)  # in a process of its own it was run already
    for count in (1, 5):
        logits = read["predict"](made.folder, trained.examples[:count])
        assert torch.allclose(logits, trained.logits[:count], atol=1e-6)


def test_the_written_normalisation_is_that_of_the_training(runs, tmp_path):
    module = module_at(export(runs["nas-bench-201"], out=tmp_path / "out").files[0])
    images = supernas.data.load("digits").test.images[:256] / 255
    assert torch.allclose(module.normalise(images), read_trained(runs["nas-bench-201"]).examples, atol=1e-5)


# -- any architecture --------------------------------------------------------------------------------------------------


def standing_in(space, architecture, **network):
    """A `Trained` with random weights in float64, without a training."""
    stem = network.get("stem", "cifar")
    inputs = Inputs((2, SIDES[stem], SIDES[stem]), 3, (0.5, 0.1), (0.2, 1.0), ("a", "b", "c"))
    text = space.format(architecture)
    config = supernas.configuration.resolve_train(
        {"space": space.name, "architecture": text, "network": {"channels": 3, "cells": 3, **network}}
    )
    model: Standalone = space.build(text, num_classes=3, in_channels=2, **vars(config.network)).double().eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():  # running statistics as well
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + (0.5 if tensor.ndim == 1 else -0.5))
    examples = torch.randn(2, *inputs.shape, dtype=torch.float64)
    with torch.no_grad():
        logits = model(examples)
    record = {"epochs": 2, "data": 'a"""\\b\n', "test_accuracy": 12.0}
    return Trained(Path("none"), config, record, model, inputs, examples, "random", logits)


DARTS = ("Random_NSAS", "EENAS", "PC_DARTS_image")  # `none`, an input twice, every operation


@pytest.mark.parametrize("number", range(7))
@pytest.mark.parametrize("name", TOYS)
def test_the_source_computes_the_same_in_float64(name, number, tmp_path):
    space, rng = supernas.space(name), np.random.default_rng(number)
    architecture, settings = space.sample(rng), {}
    if name == "darts-cnn":
        settings = {"stem": ("cifar", "imagenet")[number % 2], "auxiliary_weight": 0.4 * (number % 3 == 0)}
        architecture = space.parse(DARTS[number]) if number < len(DARTS) else architecture
    elif number == 0:
        architecture = space[0]  # all `none`
    trained = standing_in(space, architecture, **settings)
    family = families.writer(type(trained.model.network))
    tmp_path.joinpath("network.py").write_text(family.source(trained))
    network = module_at(tmp_path / "network.py").Network().double()
    network.load_state_dict(family.weights(trained))
    with torch.no_grad():
        assert (network.eval()(trained.examples) - trained.logits).abs().max() < 1e-10
    assert trained.logits.abs().max() > 1e-3


def test_a_template_is_cut_to_what_is_needed():
    source = written(nas_bench_201, "Text.", constants={"CELLS": "7", "CELL": "[]"}, operations=["skip_connect"])
    assert "CELLS = 7  # in each of the three stages" in source
    assert "ReLUConvNorm" not in source
    assert "def normalise" in source
    assert "normalise" not in written(nas_bench_201, "", constants={}, roots=["Network"])


def test_literals_read_back():
    for value in ("a'b", 'a"b', "a\\b", 0.1, 3, (1.5,), (1, "x"), [], [(1, 2, "y"), (3, 4, "z")]):
        assert ast.literal_eval(literal(value)) == value


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_wrong_source_is_found_out_and_leaves_nothing(runs, tmp_path, monkeypatch):
    weights = families.base.CellFamily.weights

    def damaged(self, trained):
        found = weights(self, trained)
        return {name: one * 1.001 if name == "classifier.weight" else one for name, one in found.items()}

    monkeypatch.setattr(families.base.CellFamily, "weights", damaged)
    with pytest.raises(UserError, match="computes something else"):
        export(runs["nas-bench-201"], out=tmp_path / "out")
    source = families.base.CellFamily.source
    monkeypatch.setattr(families.base.CellFamily, "source", lambda *given: "import supernas\n" + source(*given))
    with pytest.raises(UserError, match="does not run without supernas: ImportError"):
        export(runs["nas-bench-201"], out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


class Own(NASBench201Network):
    """A network that nobody has described as source."""


def test_what_cannot_be_exported_is_said_in_one_line(runs, tmp_path, monkeypatch):
    def refused(reason, run, **options):
        with pytest.raises(UserError, match=reason) as caught:
            export(run, **{"out": tmp_path / "out", **options})
        assert "\n" not in str(caught.value)

    run = runs["nas-bench-201"]
    refused("unknown format 'onx'; did you mean 'onnx'", run, format="onx")
    refused("does not exist", tmp_path / "nowhere")
    refused("is no run folder", tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    refused("taken is not empty", run, out=tmp_path / "taken")
    refused("file is not empty", run, out=tmp_path / "taken" / "file")

    copy = tmp_path / "copy"
    copy.mkdir()
    copy.joinpath("config.json").write_text(run.joinpath("config.json").read_text())
    refused("has not ended", copy)
    copy.joinpath("result.json").write_text(run.joinpath("result.json").read_text())
    refused("cannot read .*weights.safetensors", copy)
    copy.joinpath("weights.safetensors").write_bytes(run.joinpath("weights.safetensors").read_bytes()[:-9])
    refused("is damaged", copy / "weights.safetensors")
    save_file({"one": torch.zeros(1)}, copy / "weights.safetensors")
    refused("not of this training", copy)
    copy.joinpath("config.json").write_text(json.dumps({"search": {}}))
    refused(f"is a search.*first `supernas train {copy}`", copy)

    monkeypatch.setattr("supernas.export.formats.onnx.find_spec", lambda name: None)
    refused("pip install 'supernas\\[onnx\\]'", run, format="onnx")
    monkeypatch.setattr(type(supernas.space("nas-bench-201")), "network", f"{__name__}:Own")
    refused("nobody has written down how a Own.*--format pt2 or onnx", run)
