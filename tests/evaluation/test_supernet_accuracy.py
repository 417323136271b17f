"""Inherited accuracies: each policy against a slow twin, what may be shared, and what survives a kill."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from runs_toy import noted_anew
from searched_toy import finished
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.data.images import ImageSet
from supernas.data.kinds.images import ImageSettings
from supernas.evaluation.supernet_accuracy import EvaluationSettings, Supernet, supernet_accuracies
from supernas.networks.operations import BatchNorm
from supernas.runs.configuration import read_file, resolve_search

ALL_BATCHES = {"images": 40, "batch_size": 40, "recalibration_images": 30, "recalibration_batch_size": 15}
TORN = Architecture.of([0, 3, 3, 1, 4, 3])  # node 1 is never reached, and two of its edges leave it


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("tracked") / "run", batch_norm="tracked")


@pytest.fixture(scope="module")
def batchwise(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("batch") / "run")


@pytest.fixture(scope="module")
def affine(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("affine") / "run", affine=True)


@pytest.fixture(scope="module")
def some(space):
    generator = np.random.default_rng(5)
    return [TORN, space.parse("1462"), *(space.sample(generator) for _ in range(15))]


def halves(run):
    config = resolve_search(read_file(run.folder / "config.json"))
    return config.data.load().for_search(config.search.seed, config.search.split)


def normalised(images, dataset):
    """Float images [n, c, h, w] by the definition."""
    mean, std = (torch.tensor(one)[:, None, None] for one in (dataset.mean, dataset.std))
    return (images.images.float() / 255 - mean) / std


def standalone(run, architecture, batch_norm):
    """The stand-alone network with the supernet's weights."""
    space = resolve_search(read_file(run.folder / "config.json")).space
    affine = run.supernet.body[0].edges[0]["3"].norm.affine
    size = {"channels": 3, "cells": 1, "in_channels": 1, "num_classes": 10}
    model = space.build(architecture, form="search", batch_norm=batch_norm, affine=affine, **size)
    weights = run.supernet.state_dict()
    model.network.load_state_dict({name: weights.get(name, now) for name, now in model.network.state_dict().items()})
    return model.eval()


def slow_twin(run, architecture, policy):
    """The accuracy of the stand-alone network, with statistics written out where they are re-estimated."""
    dataset = halves(run)
    valid = normalised(dataset.images["valid"], dataset)[:40]
    train = normalised(dataset.images["train"], dataset)[:30]
    model = standalone(run, architecture, "batch" if policy == "batch" else "tracked")
    with torch.no_grad():
        if policy == "recalibrate":
            model(train[:15])  # shapes only
            means, variances = zip(*(moments_along(model, part) for part in train.split(15)), strict=True)
            for number, norm in enumerate(norms_of(model)):
                norm.running_mean.copy_(torch.stack([one[number] for one in means]).mean(0))
                norm.running_var.copy_(torch.stack([one[number] for one in variances]).mean(0))
        return float((model(valid).argmax(1) == dataset.images["valid"].labels[:40]).float().mean()) * 100


def norms_of(model):
    return [module for module in model.modules() if isinstance(module, BatchNorm)]


def moments_along(model, inputs):
    """The mean and unbiased variance of what enters each normalisation, if each normalises by its batch."""
    means, variances, handles = {}, {}, []

    def normalise(norm, args, output):
        x = args[0]
        means[norm], variances[norm] = x.mean((0, 2, 3)), x.var((0, 2, 3))
        return F.batch_norm(x, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)

    for norm in norms_of(model):
        handles.append(norm.register_forward_hook(normalise))
    model(inputs)
    for handle in handles:
        handle.remove()
    fresh = torch.zeros(1), torch.ones(1)  # of a normalisation on a dead edge, which nothing enters
    return tuple(
        [of.get(norm, default) for norm in norms_of(model)]
        for of, default in zip((means, variances), fresh, strict=True)
    )


@pytest.mark.parametrize("policy", ["batch", "recalibrate", "tracked"])
def test_accuracies_are_those_of_the_standalone_network(tracked, some, policy):
    evaluation = EvaluationSettings(batch_norm=policy, **ALL_BATCHES)
    found = supernet_accuracies(tracked.folder, some, evaluation)
    assert found == pytest.approx([slow_twin(tracked, one, policy) for one in some], abs=1e-4)
    assert len(set(found)) > 2


def test_policies_differ(tracked, some):
    found = [
        supernet_accuracies(tracked.folder, some, EvaluationSettings(batch_norm=policy, **ALL_BATCHES))
        for policy in ("batch", "recalibrate", "tracked")
    ]
    assert not any(np.array_equal(one, other) for one, other in zip(found, found[1:] + found[:1], strict=True))


def test_by_batch_it_is_what_the_search_asked(batchwise, some):
    asked = supernet_accuracies(batchwise.folder, [batchwise.architecture], EvaluationSettings(images=200))
    assert asked[0] == pytest.approx(batchwise.record["valid_accuracy"])


def test_batches_are_of_equal_size(batchwise):
    sizes = [
        len(batch.targets) for batch in Supernet(batchwise.folder, EvaluationSettings(images=40, batch_size=30)).batches
    ]
    assert sizes == [20, 20]


# -- sharing -----------------------------------------------------------------------------------------------------------


def test_9445_cells_are_evaluated(batchwise, space):
    supernet = Supernet(batchwise.folder, EvaluationSettings(images=10))
    assert len({supernet.key(architecture) for architecture in space}) == 9445


@pytest.mark.parametrize("policy", ["batch", "recalibrate"])
def test_dead_edges_change_nothing(tracked, space, policy):
    supernet = Supernet(tracked.folder, EvaluationSettings(batch_norm=policy, **ALL_BATCHES))
    torn = [one for one in space if len(space.live(one)) < sum(option != 0 for option in one.options)][::400]
    assert len(torn) > 10
    for architecture in torn:
        key = supernet.key(architecture)
        with torch.inference_mode():
            logits = []
            for pairs in (key, architecture.pairs):
                if policy == "recalibrate":
                    supernet._recalibrate(pairs)
                logits.append(supernet.network(supernet.batches[0].inputs, active=pairs).prediction)
        assert logits[0].equal(logits[1])


def test_where_zeros_are_shifted_an_edge_from_nowhere_counts(tracked, affine):
    """A convolution of zeros gives zeros, which running averages or a learnt shift turn into something else."""
    for run, policy in ((tracked, "tracked"), (affine, "batch")):
        supernet = Supernet(run.folder, EvaluationSettings(batch_norm=policy, **ALL_BATCHES))
        norm = supernet.network.body[0].edges[2]["3"].norm  # so short a search may not have moved it
        norm.running_mean.sub_(0.5) if policy == "tracked" else norm.bias.add_(0.5)
        live = supernet.space.live(TORN)
        inputs = supernet.batches[0].inputs
        whole, cut = (supernet.network(inputs, active=pairs).prediction for pairs in (TORN.pairs, live))
        assert not torch.allclose(whole, cut)
        assert supernet.key(TORN) == TORN.pairs


def test_equal_keys_are_asked_once(batchwise, space, monkeypatch):
    asked = []
    ask = Supernet.accuracy
    monkeypatch.setattr(Supernet, "accuracy", lambda self, key: asked.append(key) or ask(self, key))
    twins = [one for one in space if space.live(one) == space.live(TORN)]
    found = supernet_accuracies(batchwise.folder, twins, EvaluationSettings(images=39))
    assert len(twins) > 1
    assert len(asked) == 1
    assert len(found) == len(twins)
    assert len(set(found)) == 1


# -- resumption and processes ------------------------------------------------------------------------------------------


def test_a_killed_run_goes_on(batchwise, some, monkeypatch):
    evaluation = EvaluationSettings(images=38)
    whole = supernet_accuracies(batchwise.folder, some, evaluation)
    (path,) = (p for p in batchwise.folder.glob("accuracies-batch-*.jsonl") if '"images": 38' in p.read_text())
    lines = path.read_text().splitlines(keepends=True)
    keys = {batchwise_key for batchwise_key, _ in map(parsed, lines[1:])}
    path.write_text("".join(lines[:6]) + lines[6][: len(lines[6]) // 2])  # five whole ones, and part of a sixth

    asked, progress = [], []
    ask = Supernet.accuracy
    monkeypatch.setattr(Supernet, "accuracy", lambda self, key: asked.append(key) or ask(self, key))
    again = supernet_accuracies(
        batchwise.folder, some, evaluation, on_progress=lambda done, of: progress.append((done, of))
    )
    assert np.array_equal(again, whole)
    assert len(asked) == len(keys) - 5
    assert progress[0] == (5, len(keys))
    assert progress[-1] == (len(keys), len(keys))
    assert path.read_text().splitlines(keepends=True) == lines


def parsed(line):
    pairs, accuracy, _ = json.loads(line)
    return tuple(map(tuple, json.loads(pairs))), accuracy


def test_other_weights_are_asked_anew(batchwise, tmp_path, some):
    folder = tmp_path / "other"
    finished(folder, channels=4)
    supernet_accuracies(folder, some[:3], EvaluationSettings(images=40))
    before = set(folder.glob("accuracies-*"))
    (folder / "supernet.safetensors").write_bytes((batchwise.folder / "supernet.safetensors").read_bytes())
    (folder / "config.json").write_bytes((batchwise.folder / "config.json").read_bytes())
    noted_anew(folder)
    again = supernet_accuracies(folder, some[:3], EvaluationSettings(images=40))
    assert np.array_equal(again, supernet_accuracies(batchwise.folder, some[:3], EvaluationSettings(images=40)))
    assert len(set(folder.glob("accuracies-*")) - before) == 1


def test_other_images_of_the_same_name_are_asked_anew(batchwise, some, monkeypatch):
    evaluation = EvaluationSettings(images=40)
    before = supernet_accuracies(batchwise.folder, some[:3], evaluation)
    load = ImageSettings.load

    def inverted(settings):
        dataset = load(settings)
        images = {part: ImageSet(255 - held.images, held.labels) for part, held in dataset.images.items()}
        return replace(dataset, images=images)

    monkeypatch.setattr(ImageSettings, "load", inverted)
    after = supernet_accuracies(batchwise.folder, some[:3], evaluation)
    supernet = Supernet(batchwise.folder, evaluation)
    assert np.array_equal(after, [supernet.accuracy(supernet.key(one)) for one in some[:3]])
    assert not np.array_equal(after, before)


def test_processes_give_the_same(tracked, some):
    evaluation = EvaluationSettings(batch_norm="recalibrate", **{**ALL_BATCHES, "images": 37})
    shared = supernet_accuracies(tracked.folder, some, evaluation, workers=2)
    supernet = Supernet(tracked.folder, evaluation)
    assert np.array_equal(shared, [supernet.accuracy(supernet.key(one)) for one in some])


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_what_cannot_be_asked(batchwise, tmp_path):
    for given, message in (
        ((batchwise.folder, EvaluationSettings(batch_norm="tracked", images=40)), "kept no running averages"),
        ((batchwise.folder, EvaluationSettings(images=201)), "201 validation images wanted, and the run has 200"),
        ((tmp_path, EvaluationSettings()), "holds no config.json and no supernet.safetensors"),
    ):
        with pytest.raises(UserError, match=message):
            Supernet(*given)
    (tmp_path / "config.json").write_bytes((batchwise.folder / "config.json").read_bytes())
    weights = (batchwise.folder / "supernet.safetensors").read_bytes()
    (tmp_path / "supernet.safetensors").write_bytes(weights[:-100])
    with pytest.raises(UserError, match="is damaged"):
        Supernet(tmp_path, EvaluationSettings(images=40))


def test_a_narrowed_supernet_is_refused(batchwise, tmp_path):
    config = json.loads((batchwise.folder / "config.json").read_text())
    config["supernet"]["channels"] = 4
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "supernet.safetensors").write_bytes((batchwise.folder / "supernet.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"is not the one that its config\.json describes"):
        Supernet(tmp_path, EvaluationSettings(images=40))


def test_more_supernets_than_memory_are_refused(batchwise, some, monkeypatch):
    """Which several processes would make."""
    monkeypatch.setattr("supernas.core.memory.free_memory", lambda: 2 * 10**5)
    evaluation = EvaluationSettings(images=36)
    with pytest.raises(UserError, match=r"this supernet and a batch of 36 in 500 processes need .*, or fewer workers$"):
        supernet_accuracies(batchwise.folder, some[:2], evaluation, workers=500)
