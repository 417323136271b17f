"""The recipes of training from scratch: schedules, averages of weights, drop path and auxiliary loss, sizes."""

import copy
import itertools
import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from runs_toy import left_behind
from supernas import api
from supernas.api.given import read_count
from supernas.cli import app
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.records import read_lines
from supernas.core.task import top5_accuracy
from supernas.data import Augmentation
from supernas.runs import presets
from supernas.runs.averaging import MovingAverage
from supernas.runs.configuration import merge, resolve_search, resolve_train
from supernas.runs.search import Search
from supernas.runs.training import Training, sized
from supernas.steps.optimisers import SGDSettings, WeightsOptimiser

ALL = {  # everything that a recipe may have, on 12 steps
    "space": "darts-cnn",
    "architecture": "EENAS",
    "network": {"channels": 2, "cells": 3, "drop_path": 0.5},
    "data": {"train_size": 96, "augmentation": {"cutout": 3}},
    "weights": {"decay": "linear", "warmup": 0.2, "schedule": "epoch"},
    "train": {"epochs": 6, "batch_size": 48, "ema": 0.9, "label_smoothing": 0.1, "device": "cpu"},
}


def learning_rates(epochs, steps_per_epoch=4, **settings):
    optimiser = WeightsOptimiser(torch.nn.Linear(1, 1), SGDSettings(**settings))
    steps = epochs * steps_per_epoch
    return [optimiser.learning_rate(Progress(epoch * steps_per_epoch, steps, epoch, epochs)) for epoch in range(epochs)]


# --- schedules --------------------------------------------------------------------------------------------------------


def test_the_linear_decay_of_p_darts_and_pc_darts():
    weights = presets.get("darts-cnn").train["imagenet-linear"]["weights"]
    rates = learning_rates(250, **weights)
    for epoch, rate in enumerate(rates):
        left = 250 - epoch
        published = 0.5 * (250 - 5 - epoch) / (250 - 5) if left > 5 else 0.5 * left / ((250 - 5) * 5)
        if epoch < 5:
            published = 0.5 * (epoch + 1) / 5
        assert rate == pytest.approx(published, rel=1e-12), epoch
    assert learning_rates(4, lr=1.0, lr_min=0.0, decay="linear", schedule="epoch") == [1, 0.75, 0.5, 0.25]


def test_the_decay_of_darts_on_imagenet():
    weights = presets.get("darts-cnn").train["imagenet"]["weights"]
    rates = learning_rates(250, **weights)
    assert rates == pytest.approx([0.1 * 0.97**epoch for epoch in range(250)], rel=1e-12)
    by_step = WeightsOptimiser(torch.nn.Linear(1, 1), SGDSettings(lr=1.0, lr_min=0.0, decay="exponential", rate=0.5))
    assert by_step.learning_rate(Progress(6, 40, 1, 10)) == pytest.approx(0.5**1.5)


def test_the_cosine_of_darts_on_cifar():
    weights = presets.get("darts-cnn").train["paper"]["weights"]
    rates = learning_rates(600, **weights)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([torch.zeros(1)], lr=0.025), 600)
    for rate in rates:
        assert rate == pytest.approx(cosine.get_last_lr()[0], rel=1e-9)
        cosine.optimizer.step()
        cosine.step()


def test_a_run_without_warm_up_ends_near_the_smallest_rate_in_every_decay():
    for decay, schedule in itertools.product(("cosine", "linear", "exponential"), ("step", "epoch")):
        rates = learning_rates(100, lr=1.0, lr_min=0.01, decay=decay, schedule=schedule, rate=0.9)
        assert rates[0] == 1.0
        assert rates == sorted(rates, reverse=True)
        assert 0.01 <= rates[-1] < 0.02


# --- averages and metrics ---------------------------------------------------------------------------------------------


def test_the_average_of_weights_is_the_written_out_sum():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2)).double()
    average = MovingAverage(network, 0.8)
    seen = [copy.deepcopy(network.state_dict())]
    for _ in range(3):
        network(torch.randn(4, 1, 3, 3, dtype=torch.float64))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += torch.randn_like(parameter)
        average.update(network)
        seen.append(copy.deepcopy(network.state_dict()))
    factors = [0.8**3, 0.2 * 0.8**2, 0.2 * 0.8, 0.2]
    for name, value in average.network.state_dict().items():
        if value.is_floating_point():
            terms = zip(factors, seen, strict=True)
            torch.testing.assert_close(value, sum(factor * state[name] for factor, state in terms))
        else:
            assert value == 3
    assert len(list(average.network.parameters())) == 4
    assert all(parameter.requires_grad for parameter in average.network.parameters())


def test_top5():
    logits = torch.tensor([[9.0, 8, 7, 6, 5, 4, 3], [9, 8, 7, 6, 5, 4, 3], [9, 8, 7, 6, 5, 4, 3]])
    assert top5_accuracy(logits, torch.tensor([0, 4, 5])) == pytest.approx(200 / 3)
    assert top5_accuracy(logits[:, :3], torch.tensor([0, 1, 2])) == 100


# --- whole trainings --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return Training(resolve_train(ALL), folder).run(), left_behind(folder)


@pytest.mark.parametrize("after", [1, 6])
def test_a_training_with_everything_resumes_bit_for_bit(tmp_path, whole, after):
    config = resolve_train(ALL)
    run = Training(config, tmp_path, on_step=lambda progress, _: run.stop() if progress.step == after else None)
    with pytest.raises(KeyboardInterrupt):
        run.run()
    torch.manual_seed(99)
    Training(config, tmp_path, resume=True).run()
    assert left_behind(tmp_path) == whole[1]


def test_the_record_and_the_weights_are_those_of_the_average(whole, tmp_path):
    result, left = whole
    record = left["result"]
    assert record["test_accuracy"] <= record["test_top5_accuracy"] <= 100
    assert record["flops_convention"] == "convolutions and linear layers without biases (DARTS)"
    run = Training(resolve_train(merge(ALL, {"train": {"ema": 0.0}})), tmp_path)
    plain = run.run()
    assert not torch.equal(plain.model.network.classifier.weight, result.model.network.classifier.weight)
    (again,) = [line for line in left["lines"] if line["epoch"] == 5]
    assert again["loss"] == pytest.approx(
        json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[5])["loss"], abs=0
    )  # averaging does not touch the training


def image_file(folder, side, count=96):
    """Random colour images of four classes."""
    generator = np.random.default_rng(0)
    made = {}
    for part, size in (("train", count), ("test", 20)):
        made[f"x_{part}"] = generator.integers(0, 256, (size, side, side, 3), dtype=np.uint8)
        made[f"y_{part}"] = np.arange(size) % 4
    folder.mkdir(exist_ok=True)
    np.savez(folder / "other.npz", **made)
    return str(folder / "other.npz")


def one_step(changes, folder):
    """A training after its first step, the batch of that step, and its metrics."""
    run = Training(resolve_train(merge(ALL, changes)), folder)
    batch = next(copy.deepcopy(run.state.train))
    return run, batch, run._step(Progress(0, 6, 0, 6))


def test_the_auxiliary_loss_is_part_of_the_loss(tmp_path):
    changes = {"network": {"auxiliary_weight": 0.4}, "data": {"source": image_file(tmp_path, 32)}}
    run, batch, metrics = one_step(changes, tmp_path / "run")
    twin = Training(resolve_train(merge(ALL, changes)), tmp_path / "twin").state.network
    with torch.no_grad():
        output = twin.output(batch.inputs)
    first, second = (
        F.cross_entropy(made, batch.targets, label_smoothing=0.1) for made in (output.prediction, output.auxiliary)
    )
    assert float(metrics["loss"]) == pytest.approx(float(first + 0.4 * second), rel=1e-6)
    head = run.state.network.network.auxiliary
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in head.parameters())


def test_images_that_are_too_small_for_the_auxiliary_head_are_said_to_be(tmp_path):
    with pytest.raises(UserError, match="auxiliary_weight=0"):
        Training(resolve_train(merge(ALL, {"network": {"auxiliary_weight": 0.4}})), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_drop_path_follows_the_epochs(tmp_path):
    seen = []
    run = Training(
        resolve_train(ALL), tmp_path, on_step=lambda *_: seen.append(run.state.network.network.chance.probability)
    )
    run.run()
    assert seen == pytest.approx([0.5 * epoch / 6 for epoch in range(6) for _ in range(2)])


def test_bfloat16_where_a_device_has_it(tmp_path, monkeypatch):
    run, _, metrics = one_step({"train": {"precision": "bfloat16"}}, tmp_path)
    _, _, full = one_step({}, tmp_path / "full")
    assert float(metrics["loss"]) != float(full["loss"])
    assert float(metrics["loss"]) == pytest.approx(float(full["loss"]), rel=0.05)
    assert all(parameter.dtype == torch.float32 for parameter in run.model.parameters())
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda device: False)
    with pytest.raises(UserError, match="does not compute in bfloat16"):
        one_step({"train": {"precision": "bfloat16"}}, tmp_path / "refused")


def test_cutout_is_added_to_what_is_usual():
    config = resolve_train({"space": "darts-cnn", "architecture": "EENAS", "train": {"preset": "paper"}})
    assert config.data.augmentation == Augmentation(cutout=16)
    assert config.data.augmentation.flip is None


def test_a_size_in_parameters(tmp_path):
    config = resolve_train(merge(ALL, {"network": {"channels": 1}}))
    made = sized(config, 12_000, config.data.load())
    assert made.network.channels > 1
    assert made.network.drop_path == 0.5
    run = api.Training("EENAS", config=merge(ALL, {"architecture": "EENAS"}), parameters=12_000, out=tmp_path)
    assert run.config == made
    nearest = abs(sum(p.numel() for p in run.model.parameters()) - 12_000)
    for channels in (made.network.channels - 1, made.network.channels + 1):
        other = made.space.build("EENAS", num_classes=10, in_channels=1, channels=channels, cells=3)
        assert abs(sum(p.numel() for p in other.parameters()) - 12_000) >= nearest


def test_a_found_cell_is_trained_on_other_data(tmp_path, monkeypatch, capsys):
    """The transfer of the papers: found on one data set, trained on another."""
    search = {
        "space": {"name": "darts-cnn", "operations": "S4"},
        "method": {"name": "random-nas", "candidates": 2, "glance": 1},
        "supernet": {"channels": 2, "cells": 3},
        "data": {"train_size": 64},
        "search": {"epochs": 1, "batch_size": 16, "validation_images": 16},
    }
    found = Search(resolve_search(search), tmp_path / "search").run()
    arguments = ["train", str(tmp_path / "search"), "--data", image_file(tmp_path, 12, 40), "--epochs", "1"]
    arguments += ["--out", str(tmp_path / "train"), "--parameters", "4k", "--set", "network.cells=3"]
    monkeypatch.setattr("sys.argv", ["supernas", *arguments])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert end.value.code == 0
    record = json.loads((tmp_path / "train" / "result.json").read_text())
    assert record["architecture"] == found.text
    assert "noise" in record["architecture"]
    assert record["data"] == "other"
    assert record["parameters"] == pytest.approx(4000, rel=0.6)
    document = json.loads((tmp_path / "train" / "config.json").read_text())
    assert document["space"] == {"name": "darts-cnn", "operations": "S4", "inputs": "any"}


@pytest.mark.parametrize("text", ["3.6G", "0", "", "-1", "1e6"])
def test_a_size_that_is_none(text):
    sizes = {"3.6M": 3_600_000, "850k": 850_000, "12": 12, None: None}
    assert {text: read_count(text, "parameters") for text in sizes} == sizes
    with pytest.raises(UserError, match="wanted a number, such as"):
        read_count(text, "parameters")


@pytest.mark.parametrize("settings", [{"train": {"ema": 0.9}}, {"weights": {"patience": 1}}])
def test_an_average_forgets_what_was_not_a_number(tmp_path, settings):
    """The best weights come back, and the average goes on from them."""
    document = {
        "architecture": "11472",
        "network": {"channels": 2, "cells": 1},
        "data": {"train_size": 96},
        "train": {"epochs": 4, "batch_size": 16, "split": 0.5, "keep": "best", "device": "cpu"},
    }
    training = Training(resolve_train(merge(document, settings)), tmp_path)

    def poison(progress, metrics):
        if progress.step == 7:  # in the third epoch
            with torch.no_grad():
                next(training.state.network.parameters()).fill_(float("nan"))

    training.on_step = poison
    result = training.run()
    assert all(bool(p.isfinite().all()) for p in training.state.average.network.parameters())
    lines = read_lines(tmp_path / "metrics.jsonl")
    assert [line.get("reloads", 0) for line in lines] == [0, 0, 1, 0]
    assert all(bool(p.isfinite().all()) for p in result.model.parameters())


def test_a_text_split_for_a_training_keeps_its_windows():
    config = resolve_train({"space": "darts-rnn", "architecture": "DARTS_V1", "data": {"valid_words": 300}})
    whole = config.data.load()
    halves = whole.for_validation(0, 0.5)
    assert (halves.deviation, whole.for_search(0, 0.5).deviation) == (whole.deviation, 0.0) == (5.0, 0.0)
    assert (len(halves.words["valid"]), halves.parts) == (300, ("train", "valid"))
