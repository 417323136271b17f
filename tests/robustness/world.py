"""Whatever the commands read, whole: runs, a study, tables, data. Every case damages a copy of some of it."""

import bz2
import csv
import gzip
import json
import pickle
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from supernas import spaces
from supernas.benchmarks import made_up_table
from supernas.benchmarks.collect import Collector

from .door import Outcome, call, command

__all__ = ["SECRET", "build", "copied"]

SECRET = "c0ffee-what-lies-outside-of-the-folder"
"""Stands in files outside of the folders that the commands are given."""

SEARCH: dict[str, Any] = {
    "method": {"name": "random-nas", "candidates": 2, "glance": 1},
    "supernet": {"channels": 2, "cells": 1},
    "data": {"source": "digits", "train_size": 64, "resolution": 4},
    "search": {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
}
TRAIN: dict[str, Any] = {
    "network": {"channels": 2, "cells": 1},
    "data": {"source": "digits", "train_size": 64, "resolution": 4},
    "train": {"epochs": 2, "batch_size": 16, "device": "cpu"},
}
ONE_EPOCH = {**TRAIN, "train": {"epochs": 1, "batch_size": 4, "device": "cpu"}}
STUDY = """name = "toy"
seeds = [0, 1]
benchmark = "table.safetensors"
random = 2

[common]
method = {name = "random-nas", candidates = 2, glance = 1}
supernet = {channels = 2, cells = 1}
data = {source = "digits", train_size = 64, resolution = 4}
search = {epochs = 1, batch_size = 16, validation_images = 16, device = "cpu"}

[grid]
objective = ["plain"]
"""
COMMANDS = (
    "correlate search --benchmark table.safetensors --dataset cifar10 --split test --epochs 200 --trained-on "
    "train+valid --architectures 3 --images 16 --workers 1",
    "score --sample 4 --config score.json --workers 1 --out scores",
)
TEXT_DATA = {"test_columns": 2, "valid_columns": 2}
TEXT = {"network": {"units": 3}, "data": TEXT_DATA, "train": {"epochs": 1, "batch_size": 4}}
LANGUAGE: dict[str, Any] = {
    "method": {"name": "random-nas", "candidates": 2, "glance": 1},
    "supernet": {"units": 3},
    "data": TEXT_DATA,
    "search": {"epochs": 1, "batch_size": 4, "device": "cpu"},
}


def build(folder: Path) -> Path:
    """Makes everything below a folder."""
    folder.mkdir(parents=True)
    outside = folder.with_name("outside")
    outside.mkdir()
    (outside / "secret.txt").write_text(f"{SECRET}\n" * 3)
    _settings(folder)
    _data(folder)
    for make in (_table, _interrupted, _run_folders):
        _must(call(make, folder=folder, limit=300))
    for line in COMMANDS:
        _must(command(*line.split(), folder=folder, limit=300))
    return folder


def _must(outcome: Outcome) -> None:
    assert outcome.code == 0, outcome


def _settings(folder: Path) -> None:
    (folder / "search.json").write_text(json.dumps(SEARCH))
    (folder / "train.json").write_text(json.dumps(TRAIN))
    (folder / "small.json").write_text(json.dumps(ONE_EPOCH))
    (folder / "score.json").write_text(json.dumps({name: TRAIN[name] for name in ("network", "data")}))
    (folder / "text.json").write_text(json.dumps(TEXT))
    (folder / "language.json").write_text(json.dumps(LANGUAGE))
    (folder / "study.toml").write_text(STUDY)
    study = {"name": "grid", "seeds": [0], "random": 1, "common": SEARCH, "grid": {"search": {"epochs": [1]}}}
    (folder / "study.json").write_text(json.dumps(study))


def _data(folder: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 8, 3), dtype=np.uint8)
    labels = np.arange(8) % 2
    for number, image in enumerate(pixels):
        suffix = ("png", "jpg", "gif", "bmp", "tiff", "webp", "ppm", "png")[number]
        path = folder / "images" / ("test" if number > 5 else "train") / "ab"[number % 2] / f"{number}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    np.savez(folder / "arrays.npz", x_train=pixels, y_train=labels, x_test=pixels[:4], y_test=labels[:4])
    (folder / "texts").mkdir()
    for part in ("train", "valid", "test"):
        (folder / "texts" / f"{part}.txt").write_text("the cat sat on the mat\nand so did I\n" * 20)
    _cifar(folder / "cifar" / "cifar-10-batches-py")
    _idx(folder / "idx")


def _cifar(folder: Path) -> None:
    folder.mkdir(parents=True)
    generator = np.random.default_rng(1)
    for name, count in [("data_batch_1", 8), ("test_batch", 4)]:
        rows = generator.integers(0, 255, (count, 3072), dtype=np.uint8)
        content = {"data": rows, "labels": [number % 10 for number in range(count)]}
        (folder / name).write_bytes(pickle.dumps(content, 2))


def _idx(folder: Path) -> None:
    folder.mkdir()
    for part, count in [("train", 8), ("t10k", 4)]:
        for name, shape in [("images-idx3", (count, 8, 8)), ("labels-idx1", (count,))]:
            header = bytes([0, 0, 8, len(shape)]) + b"".join(size.to_bytes(4, "big") for size in shape)
            values = np.random.default_rng(2).integers(0, 2, shape, dtype=np.uint8)
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(header + values.tobytes()))


def _table() -> None:
    folder = Path.cwd()
    table = made_up_table(trainings=1)
    with Collector("nas-bench-201", folder / "table.safetensors") as collector:
        for column in table.columns:
            for index, accuracy in enumerate(table.column(**vars(column))):
                collector.accuracy(index, column, "mean", accuracy)
            collector.curve(0, column, 777, np.linspace(10, 60, column.epochs))
        collector.write(table.source)
    _published(folder)


def _published(folder: Path) -> None:
    from benchmarks.official_layout import single_file, state

    space = spaces.get("nas-bench-201")
    with (folder / "accuracies.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "arch", "cifar10_test_200"])
        writer.writerows((index, space.format(one), 10 + index % 80) for index, one in enumerate(space))
    torch.save(single_file(space, range(2)), folder / "official.pth")
    single = pickle.dumps(single_file(space, range(2), ("12", "200")), 4)
    (folder / "NATS-tss-v1_0-3ffb9.pickle.pbz2").write_bytes(bz2.compress(single, 1))
    _modules(folder / "nasbench_only108.tfrecord")
    simple = folder / "NATS-tss-v1_0-3ffb9-simple"
    simple.mkdir()
    meta = {"meta_archs": [space.format(one) for one in space], "total_archs": len(space), "evaluated_indexes": {0, 1}}
    (simple / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(meta, 4), 1))
    for index in range(2):
        one = {"12": state(space, index, 12, [111]), "200": state(space, index, 200, [777, 888])}
        (simple / f"{index:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(one, 4), 1))
    with tarfile.open(folder / f"{simple.name}.tar", "w") as archive:
        archive.add(simple, simple.name)


def _modules(path: Path) -> None:
    from benchmarks.official_tfrecord import row, written

    space = spaces.get("nas-bench-1shot1-1")
    modules = [space.module(space[number]) for number in (0, 77, 3373)]
    written(path, [row(one, one.hash, 108, seed, place)[0] for place, one in enumerate(modules) for seed in range(3)])


def _interrupted() -> None:
    """A search and a training that were stopped after an epoch."""
    import supernas

    for run in (
        supernas.Search(config=SEARCH, out="stopped-search", track=3),
        supernas.Training("6111", config=TRAIN, out="stopped-train"),
    ):
        steps = iter(run)
        next(steps)
        run.on_step = lambda *step, run=run: run.stop()
        try:
            next(steps)
        except KeyboardInterrupt:
            continue
        raise AssertionError("it was not stopped")


def _run_folders() -> None:
    """What the commands themselves write, one after another."""
    import supernas
    from supernas.methods.e2nas.autoencoder import AutoencoderSettings
    from supernas.methods.e2nas.autoencoder.evaluation import train_and_save

    supernas.search(config=SEARCH, track=3, out="search", benchmark="table.safetensors")
    for by, options in {"best-sampled": {"candidates": 3}, "ranks": {"candidates": 3}}.items():
        supernas.derive("search", by=by, images=16, workers=1, **options)
    supernas.train("6111", config=TRAIN, out="train")
    supernas.search(config={**SEARCH, "method": "gdas"}, out="gdas")  # ends with a distribution
    supernas.derive("gdas", by="proxy", draws=3)
    for index in ("0", "77", "1000"):
        supernas.train(index, config=ONE_EPOCH, out=f"trained/{index}")
    supernas.train("DARTS_V2", space="darts-rnn", data="texts", config=TEXT, out="language")
    supernas.study("study.toml", out="study", workers=1)
    small = AutoencoderSettings(latent=4, epochs=1)
    file = Path("autoencoder.safetensors")
    train_and_save(spaces.get("nas-bench-201"), small, file, "made for a test", lambda epoch: None)


def copied(world: Path, names: tuple[str, ...], folder: Path) -> Path:
    """A copy of some of it."""
    folder.mkdir(parents=True)
    for name in names:
        copy = shutil.copytree if (world / name).is_dir() else shutil.copy2
        copy(world / name, folder / name)
    return folder
