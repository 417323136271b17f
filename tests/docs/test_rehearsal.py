"""Every page is run as a reader would run it, from its first block to its last, with tiny presets and made-up data.

A block of commands, and a block of Python that begins with an import, joins by standing on a page; what takes long or
is no program is marked so (`pages.py`).
"""

import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import supernas
from supernas import spaces
from supernas.cli import app
from supernas.methods.e2nas.autoencoder import pretrained
from supernas.runs.presets.darts_cnn import DARTSCNNPresets
from supernas.runs.presets.darts_rnn import DARTSRNNPresets
from supernas.runs.presets.nas_bench_201 import NASBench201Presets

from .pages import PAGES, ROOT, Block, blocks, commands

SMALL = {
    NASBench201Presets: ({"channels": 2, "cells": 1}, {}),
    DARTSCNNPresets: ({"channels": 2, "cells": 3}, {}),
    DARTSRNNPresets: ({"units": 8}, {"train_words": 600, "valid_columns": 2}),
}
PROGRAM = re.compile(r"(import|from) \w")
OURS = "supernas"
LESS = {
    "search": "--epochs 3",
    "train": "--epochs 1",
    "retrain": "--epochs 1",
    "derive best-sampled": "--candidates 4 --images 8 --workers 1",
    "derive additive": "--candidates 4 --images 8 --workers 1",
    "derive evolution": "--candidates 4 --population 2 --sample 2 --images 8",
    "derive top-k": "--candidates 4 --top 2 --epochs 1",
    "score": "--workers 1",
    "score sample": "--sample 3 --workers 1",
    "correlate": "--architectures 4 --images 8 --workers 1",
}
"""What a command of ours gets besides, so that it takes a moment: what is given last counts."""
RUN = re.compile(r"\bruns/[\w/-]+")


def runnable(page: Path) -> list[Block]:
    """The blocks of a page that are run."""
    return [block for block in blocks(page) if not block.mark and (any(commands(block)) or is_program(block))]


def is_program(block: Block) -> bool:
    return block.language == "python" and bool(PROGRAM.match(block.code))


RUN_PAGES = [page for page in PAGES if runnable(page)]


@pytest.fixture
def tiny(monkeypatch):
    """Presets under which every run takes a moment."""
    for presets, (network, data) in SMALL.items():
        data = data or {"train_size": 96}
        search = {"epochs": 1, "batch_size": 24, "validation_images": 8}
        train = {"epochs": 1, "batch_size": 24}
        test = {"test_columns": 2, **data} if "units" in network else data
        test = {name: value for name, value in test.items() if name != "valid_columns"}
        found = {"supernet": network, "data": data, "search": search}
        trained = {"network": network, "data": test, "train": train}
        monkeypatch.setattr(presets, "search", dict.fromkeys(presets.search, found))
        monkeypatch.setattr(presets, "train", dict.fromkeys(presets.train, trained))
        monkeypatch.setattr(presets, "mixtures", {})
    train, drawn = pretrained.train, pretrained.training_graphs
    few = {"epochs": 1, "graphs": 64}  # of the autoencoders that do not ship
    monkeypatch.setattr(pretrained, "training_graphs", lambda space, given: drawn(space, replace(given, **few)))
    monkeypatch.setattr(
        pretrained, "train", lambda family, graphs, given, told: train(family, graphs, replace(given, **few), told)
    )


@pytest.fixture
def reader(tmp_path, monkeypatch, table_file, tiny):
    """The folder of a reader: the repository's files, a home with data, a table of truth."""
    home = tmp_path / "home"
    for name in ("docs", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("photographs", "photos"):
        photographs(home / name)
    shutil.copytree(home / "photographs", tmp_path / "photographs")
    cifar(home / "data" / "cifar-10")
    for prefix, folder in (("", home / "my-text"), ("ptb.", home / "data" / "penn-treebank")):
        texts(folder, prefix)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=pixels, y_train=np.arange(40) % 4)
    shutil.copy(table_file, tmp_path / "nb201.safetensors")
    accuracies(tmp_path / "accuracies.csv")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SUPERNAS_CACHE", str(home / "data" / "cifar-10"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def photographs(folder: Path) -> None:
    """Two classes of pictures of any size."""
    generator = np.random.default_rng(0)
    for number in range(24):
        height, width = generator.integers(40, 60, 2)
        path = folder / ("cats", "dogs")[number % 2] / f"IMG_{number // 2:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(path)


def cifar(folder: Path) -> None:
    """Fewer images than published, in the binary layout."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for name, count in (("data_batch_1.bin", 120), ("test_batch.bin", 20)):
        rows = generator.integers(0, 255, (count, 3073), dtype=np.uint8)
        rows[:, 0] = np.arange(count) % 10
        (folder / name).write_bytes(rows.tobytes())


def texts(folder: Path, prefix: str) -> None:
    """Three short texts."""
    folder.mkdir(parents=True)
    for part in ("train", "valid", "test"):
        (folder / f"{prefix}{part}.txt").write_text("the cat sat on the mat\nand so did I\n" * 60)


def accuracies(path: Path) -> None:
    """A table of truth as text."""
    space = spaces.get("nas-bench-201")
    rows = (f'"{space.format(one)}",{10 + index % 80}' for index, one in enumerate(space))
    path.write_text("arch,cifar10_test_200\n" + "\n".join(rows) + "\n")


def provide(page: Path) -> None:
    """The runs that a page speaks of and another page makes."""
    lines = [line for block in runnable(page) for line in commands(block)]
    code = [block.code for block in runnable(page) if is_program(block)]
    made = {match for line in lines for match in re.findall(r"--out (runs/[\w/-]+)", line)}
    for name in sorted(set(RUN.findall("\n".join(lines + code))) - made):
        if not any(name.startswith(f"{one}/") for one in made) and not Path(name).exists():
            make(name)


def make(name: str) -> None:
    """A run folder: of a study, of a training, or of a search."""
    if "studies" in name:
        run = {"label": "GDAS", "method": "gdas"}
        supernas.study({"name": "digits", "seeds": [0], "common": {"space": "nas-bench-201"}, "run": [run]}, out=name)
    elif "trained" in name:
        supernas.train("6111", out=name)
    else:
        supernas.search(method="gdas", out=name, benchmark="nb201.safetensors")


def run_command(line: str) -> None:
    """Runs a line as a shell would: our command in this process, other programs in one of their own."""
    words = [word for given in shlex.split(line) for word in expanded(given)]
    if words[:2] == [".", ".venv/bin/activate"]:
        return  # the tests run in it
    if words[0] == OURS:
        outcome = CliRunner().invoke(app.app, less(words[1:]))
        assert outcome.exit_code == 0, f"{line}\n{outcome.output}\n{outcome.exception!r}"
        return
    assert words[0] == "python", f"{line}: mark its block, or say how it is run"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, f"{line}\n{done.stderr}"


def less(words: list[str]) -> list[str]:
    """A command of ours with small numbers, and in this process."""
    several = {"--all", "--sample"} & set(words)
    kind = words[words.index("--by") + 1] if "--by" in words else "sample" if several else ""
    more = LESS.get(f"{words[0]} {kind}".strip(), "")
    return [word for word in words if word != "--all"] + more.split()


def expanded(word: str) -> list[str]:
    """A word with the reader's home and names of files in it."""
    word = os.path.expanduser(word)
    return sorted(glob.glob(word)) or [word] if "*" in word else [word]


@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_runs(page, reader, capsys):
    provide(page)
    names = {"__name__": "page"}
    for block in runnable(page):
        for line in commands(block):
            run_command(line)
        if is_program(block):
            exec(compile(block.code, page.name, "exec"), names)


def test_most_commands_are_run():
    run = sum(len(list(commands(block))) for page in PAGES for block in runnable(page))
    said = sum(len(list(commands(block))) for page in PAGES for block in blocks(page))
    assert run > 60
    assert run > 0.7 * said


def test_marks_are_known():
    assert {block.mark for page in PAGES for block in blocks(page)} == {"", "long", "excerpt"}
