"""The commands of the campaign: what each reads, what of that is damaged, and what is typed in its place.

A command or a kind of file that is new has to join: `test_campaign.py` walks the command line, the run folders, the
readers of images and the records, and finds what is missing here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["COMMANDS", "LARGE", "OWN", "SIZES", "TYPED", "Command", "options_of", "paths"]


@dataclass(frozen=True)
class Command:
    """A command, and what it reads.

    Attributes:
        line: as typed, in a folder that holds a copy of `needs`; `{server}` is the address at which that folder is
            served, and `{sha256}` the checksum of the damaged file.
        needs: what lies in that folder.
        reads: patterns of the files below it that are damaged; none where it is only typed.
        cost: seconds of a run that comes to its end, roughly; dear commands come up more rarely.
    """

    line: str
    needs: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    cost: float = 1.0

    @property
    def path(self) -> tuple[str, ...]:
        """The words that say which command it is."""
        return next(path for path in paths() if tuple(self.line.split()[: len(path)]) == path)


OWN = (
    "*.csv",
    "*.toml",
    *(f"{name}.json" for name in ("search", "train", "small", "score", "text", "study", "language")),
    "images/*",
    "texts/*",
    "cifar/*",
)
"""Files of a user's own, which no format and no digest vouches for: a change that makes sense in them is meant. What a
configuration says must then be what the run says that it did. Of all others the answer is that of the whole file."""

_RUN = ("config.json", "result.json", "metrics.jsonl", "*.svg", "derive-*.json", "tracked.json", "correlation-*.json")
_STUDY = ("study/*.json", "study/*/*.json", "study/*/*.jsonl", "study/*.md", "study/*.svg")
_COLUMN = "--dataset cifar10 --split test --epochs 200 --trained-on train+valid"
_CELL = "train 6111 --config small.json --out new"
_TEXT = "--space darts-rnn --config text.json --data texts --out new"
_DERIVE = "derive search --images 16 --by"
_SINGLE = "NATS-tss-v1_0-3ffb9.pickle.pbz2"
_SIMPLE = "NATS-tss-v1_0-3ffb9-simple"
_MODULES = "nasbench_only108.tfrecord"


def _below(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


COMMANDS = (
    # what is looked at
    Command("show search", ("search",), _below("search", "config.json", "result.json")),
    Command(
        f"query search --benchmark table.safetensors {_COLUMN}",
        ("search", "table.safetensors"),
        ("table.safetensors", "search/result.json"),
    ),
    Command(
        "benchmark info table.safetensors",
        ("table.safetensors", "table.curves.safetensors"),
        ("table.safetensors", "table.curves.safetensors"),
    ),
    Command(
        "benchmark baselines table.safetensors --evaluations 20 --runs 1",
        ("table.safetensors",),
        ("table.safetensors",),
    ),
    *(
        Command(f"report {folder}", (folder,), _below(folder, *_RUN))
        for folder in ("search", "gdas", "train", "stopped-search", "language")
    ),
    Command("report study", ("study",), _STUDY, cost=2),
    Command(
        "report search gdas train", ("search", "gdas", "train"), (*_below("search", *_RUN), "gdas/*.json*"), cost=2
    ),
    *(Command(f"cite {folder}", (folder,), _below(folder, *_RUN)) for folder in ("search", "train", "stopped-search")),
    # what is imported and fetched
    *(
        Command(f"benchmark import {file} new.safetensors", (file,), (file,))
        for file in ("accuracies.csv", "official.pth", _SINGLE)
    ),
    Command(f"benchmark import {_SIMPLE} new.safetensors", (_SIMPLE,), (f"{_SIMPLE}/*",)),
    Command(f"benchmark import {_MODULES} new.safetensors --space nas-bench-1shot1-1", (_MODULES,), (_MODULES,)),
    *(
        Command(
            f"benchmark fetch {name} --url {{server}}/{file} --checksum sha256:{{sha256}}",
            (file,),
            (file,),
            cost=0.5,
        )
        for name, file in {
            "nats-bench": f"{_SIMPLE}.tar",
            "nats-bench-single": _SINGLE,
            "nas-bench-201": "official.pth",
            "nas-bench-101": _MODULES,
        }.items()
    ),
    # runs
    Command("search --config search.json --out new", ("search.json",), ("search.json",), cost=2),
    Command(
        "search --config search.json --track 3 --out stopped-search --resume",
        ("search.json", "stopped-search"),
        _below("stopped-search", "checkpoint.pt", "config.json", "metrics.jsonl", "tracked.json"),
        cost=2,
    ),
    Command(
        "search --config search.json --track 3 --out search --benchmark table.safetensors --resume",
        ("search.json", "search", "table.safetensors"),
        ("search/*",),
        cost=2,
    ),
    Command(
        "search --config search.json --out new --from search",
        ("search.json", "search"),
        _below("search", "config.json", "result.json", "supernet.safetensors"),
        cost=2,
    ),
    Command(
        f"search {_TEXT.replace('text.json', 'language.json')}",
        ("language.json", "texts"),
        ("language.json", "texts/*"),
        cost=4,
    ),
    Command(_CELL, ("small.json",), ("small.json",)),
    Command(
        "train search --config small.json --out new",
        ("small.json", "search"),
        _below("search", "config.json", "result.json"),
    ),
    Command(
        "train search/derive-*.json --config small.json --out new", ("small.json", "search"), ("search/derive-*.json",)
    ),
    Command(
        "train 6111 --config train.json --out stopped-train --resume",
        ("train.json", "stopped-train"),
        _below("stopped-train", "checkpoint.pt", "config.json", "metrics.jsonl"),
    ),
    Command(
        "train 6111 --config train.json --out new --from train",
        ("train.json", "train"),
        ("train.json", *_below("train", "config.json", "result.json", "weights.safetensors")),
    ),
    *(
        Command(f"{_CELL} --data {source} --resolution 4", ("small.json", source), (f"{source}/*",))
        for source in ("images", "idx")
    ),
    Command(f"{_CELL} --data cifar/cifar-10-batches-py --resolution 4", ("small.json", "cifar"), ("cifar/*",)),
    Command(f"{_CELL} --data arrays.npz --resolution 4", ("small.json", "arrays.npz"), ("arrays.npz",)),
    Command(f"train DARTS_V2 {_TEXT}", ("text.json", "texts"), ("texts/*", "text.json")),
    Command(
        f"train DARTS_V2 {_TEXT} --from language",
        ("text.json", "texts", "language"),
        _below("language", "config.json", "result.json", "weights.safetensors"),
    ),
    Command(
        "study study.toml --out study --table-only",
        ("study.toml", "study", "table.safetensors"),
        ("study.toml", *_STUDY[:3]),
    ),
    Command(
        "study study.json --out new --workers 1",
        ("study.json", "table.safetensors"),
        ("study.json",),
        cost=6,
    ),
    # what is made of finished runs
    Command(
        f"{_DERIVE} best-sampled --candidates 5 --workers 1",
        ("search",),
        _below("search", "config.json", "result.json", "supernet.safetensors", "metrics.jsonl", "accuracies-*.jsonl"),
    ),
    Command(
        f"{_DERIVE} ranks --candidates 3 --workers 1",
        ("search",),
        _below("search", "scores-*.jsonl", "accuracies-*.jsonl"),
    ),
    Command(
        f"{_DERIVE} evolution --candidates 4 --population 2 --sample 2",
        ("search",),
        _below("search", "result.json", "supernet.safetensors", "accuracies-*.jsonl"),
    ),
    Command(
        "derive gdas --by proxy --draws 3",
        ("gdas",),
        _below("gdas", "config.json", "result.json", "checkpoint.pt", "metrics.jsonl", "scores-*.jsonl"),
    ),
    Command(
        f"{_DERIVE} top-k --candidates 2 --top 2 --epochs 1 --workers 1",
        ("search",),
        _below("search", "config.json", "supernet.safetensors"),
        cost=2,
    ),
    Command(
        f"correlate search --benchmark table.safetensors {_COLUMN} --architectures 5 --images 16 --workers 1",
        ("search", "table.safetensors"),
        ("table.safetensors", *_below("search", "config.json", "result.json", "supernet.safetensors")),
        cost=2,
    ),
    Command(
        "correlate search --retrained trained --images 16 --workers 1",
        ("search", "trained"),
        ("trained/*/config.json", "trained/*/result.json", "search/accuracies-*.jsonl"),
    ),
    Command(
        f"score --sample 4 --config score.json --benchmark table.safetensors {_COLUMN} --workers 1 --out new",
        ("score.json", "table.safetensors"),
        ("score.json", "table.safetensors"),
    ),
    Command(
        "score --sample 4 --config score.json --workers 1 --out scores",
        ("score.json", "scores"),
        ("scores/*.jsonl",),
    ),
    Command(
        "retrain search --epochs 1",
        ("search",),
        _below("search", "config.json", "result.json", "tracked.json", "metrics.jsonl"),
        cost=4,
    ),
    *(
        Command(
            f"export {folder} --out new",
            (folder,),
            _below(folder, "config.json", "result.json", "weights.safetensors"),
            cost=6,
        )
        for folder in ("train", "language")
    ),
    Command(
        "export train/weights.safetensors --format pt2 --out new",
        ("train",),
        _below("train", "config.json", "result.json", "weights.safetensors"),
        cost=12,
    ),
    Command(
        "autoencoder evaluate --file autoencoder.safetensors --draws 5",
        ("autoencoder.safetensors", "autoencoder.json"),
        ("autoencoder.*",),
        cost=3,
    ),
    # what reads no file, and is typed only
    Command("list methods"),
    Command("describe method e2nas"),
    Command("show 6111"),
    Command("new method my-own"),
    Command("autoencoder train --epochs 1 --latent 2 --out new.safetensors", cost=4),
)

TYPED = (
    *("", " ", "-1", "0", "-0.0", "1e308", "1e999", "nan", "-inf", "9" * 5000, "1" + "0" * 30, "-" + "9" * 30),
    *("8_5", "٣", "0x10", "1.5", "true", "null", "[]", "{}", "[1,2]", '{"name": {"name": 1}}', "[" * 100_000),
    *('{"a":' * 900 + "1" + "}" * 900, "x" * 300, "x/" * 3000, "6111" + " " * 20_000 + "x", " " * 20_000),
    *("[bold red]x[/bold red][/]", "a\x1b[31mb\x1b]0;t\x07\x9b2J\u202ec", "\udcff\udcfe", "a\nb", "=", "x=", "--", "*"),
    *("../outside/secret.txt", "/dev/full", "/dev/zero", "/proc/self/mem", "pipe", "pipe/x", "loop", "loop/x"),
    *("dangling", "dangling/x", ".", "..", "~nosuchuser/x", "file:///etc/passwd", "http://127.0.0.1:1/x.tar"),
    *("x" * 256 + ".safetensors", "new/" + "ö" * 200, "search.json", "search.json/x", "|nor_conv_3x3~0|" * 2000),
)
"""What may be typed wherever something is typed. In the folder `pipe` is a pipe, `loop` a link to itself, and
`dangling` one to nothing."""

LARGE = "1000000000"
SIZES = ("channels", "cells", "resolution", "classes", "batch_size", "latent", "units", "width", "workers", "threads")
"""Where so large a number is no honest wish for a long run."""


@cache
def paths() -> list[tuple[str, ...]]:
    """The words of every command there is, longer ones first."""
    return sorted(_callbacks(), key=lambda path: (-len(path), path))


def options_of(path: tuple[str, ...]) -> list[Any]:
    """The options and arguments of a command, as typer has them; each has `name`, `opts` and `param_type_name`."""
    return _callbacks()[path]


@cache
def _callbacks() -> dict[tuple[str, ...], list[Any]]:
    import typer

    from supernas.cli.app import app

    return {path: found.params for path, found in _leaves(typer.main.get_command(app), ())}


def _leaves(group: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not hasattr(group, "commands"):
        yield path, group
        return
    for name, inner in group.commands.items():
        yield from _leaves(inner, (*path, name))
