"""Scores of many architectures by zero-cost proxies.

Every score is kept in a file, one for each proxy and all that decides its scores. Initial weights follow from the seed
and the architecture, so a score depends neither on the order nor on the number of processes. Where a proxy says that
only live edges count, architectures with the same live edges measure alike: as the first of them in the space's order
does (in spaces that are numbered). What was measured is kept; scores by ranks are those among the architectures asked
about.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from supernas import proxies
from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError, unknown
from supernas.core.files import versions
from supernas.core.settings import build, setting, settings, to_plain
from supernas.core.spelling import option
from supernas.data import Batch
from supernas.data.kinds.images import ImageSettings
from supernas.evaluation.measures import KeptMeasures, kept_measures
from supernas.evaluation.rank_correlation import Ranking, rank
from supernas.networks.base import Network, NetworkSettings
from supernas.networks.costs.memory import Pass
from supernas.networks.model_space import ModelSpace
from supernas.proxies import Measures, Proxy
from supernas.runs.configuration import DEFAULT_SPACE, Device, read_space, space_document
from supernas.runs.device import choose_device
from supernas.runs.executors import JOBS, Executor, Needs
from supernas.runs.executors.local import Local
from supernas.runs.fit import check_fit, check_room
from supernas.runs.spread import in_order
from supernas.spaces.base import Space

__all__ = [
    "ScoreConfig",
    "ScoreSettings",
    "Scorer",
    "Scores",
    "check_scorable",
    "digest_of",
    "resolve_scores",
    "score",
]

OnProgress = Callable[[int, int], None]
"""Called with (scored, to be scored), over all proxies."""

_SECTIONS = ("space", "network", "data", "score")
_CHUNK = 4  # scores that a process is handed at once


@settings
class ScoreSettings:
    """How architectures are scored."""

    batch_size: int = setting(64, "training images that proxies look at, without augmentation", ge=2)
    seed: int = setting(0, "of images, initial weights and what proxies draw", ge=0, le=2**32 - 1)
    device: Device = setting("cpu", "where to compute")


@dataclass(frozen=True)
class ScoreConfig:
    """Validated settings of a scoring; `proxies` by name."""

    space: Space
    proxies: Mapping[str, Proxy]
    network: NetworkSettings
    data: ImageSettings
    score: ScoreSettings

    def document(self) -> Document:
        """The complete document, which `resolve_scores` takes with the names of the proxies."""
        return {
            "space": space_document(self.space),
            "network": to_plain(self.network),
            "data": to_plain(self.data),
            "score": to_plain(self.score),
            **{name: to_plain(proxy) for name, proxy in self.proxies.items()},
        }


def resolve_scores(names: Sequence[str], document: Values) -> ScoreConfig:
    """The scoring that a partial document means.

    Args:
        names: of the proxies.
        document: sections `space`, `network`, `data`, `score`, and one by the name of each proxy that has settings.

    Raises:
        UserError: for an unknown name, an unknown setting, a wrong type or a value out of range.
    """
    chosen = {name: proxies.get(name) for name in names}
    if not chosen:
        raise UserError(f"no proxy is given; wanted one or more of {', '.join(proxies.names())}")
    known = (*_SECTIONS, *chosen)
    for section, value in document.items():
        if section not in known:
            raise unknown("section", section, known)
        if section != "space" and not isinstance(value, Mapping):
            raise UserError(f"{section} = {value!r}: wanted settings, as in {section}.name=value")
    space = read_space(document.get("space", DEFAULT_SPACE))
    if space.data_kind != "images":
        raise UserError(
            f"zero-cost proxies judge networks for images; those of the space {space.name} read {space.data_kind}"
        )
    if isinstance(space, ModelSpace):
        raise UserError(
            f"scores are kept by architecture, and {space.name} is a model of your own, which can change under its "
            "name; method zero-cost scores its architectures anew"
        )
    return ScoreConfig(
        space,
        {name: build(kind, document.get(name, {}), name) for name, kind in chosen.items()},
        build(space.network_class.network_settings, document.get("network", {}), "network"),
        build(ImageSettings, document.get("data", {}), "data"),
        build(ScoreSettings, document.get("score", {}), "score"),
    )


class Scorer:
    """Measures one architecture at a time.

    Args:
        config: how.

    Raises:
        UserError: if the images cannot be read, or are fewer than a batch.
    """

    def __init__(self, config: ScoreConfig) -> None:
        self.config = config
        dataset = config.data.load()
        check_fit(config.space, config.network, dataset, {})
        images = dataset.images["train"]
        count, seed = config.score.batch_size, config.score.seed
        if count > len(images):
            raise UserError(f"score.batch_size = {count}: {dataset.name} has {len(images)} training images")
        drawn = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:count]
        device = choose_device(config.score.device, float64=True)
        self.batch = next(dataset.in_order(images.select(drawn), count, device))
        self.loss = dataset.task().loss
        self.size = {**dataset.network, **vars(config.network)}
        self.data = f"{dataset.name}, {len(images)} training images"
        self.digest = digest_of(self.batch)

    def measure(self, name: str, architecture: Architecture) -> Measures:
        """What the proxy called `name` measures."""
        config = self.config
        proxy, seed = config.proxies[name], config.score.seed
        return proxies.measure_architecture(proxy, config.space, architecture, self.size, self.batch, self.loss, seed)

    def describe(self, name: str) -> Document:
        """All that decides the scores by a proxy, as plain values."""
        config = self.config
        proxy = config.proxies[name]
        seen: Document = {"data": self.data, "batch_size": config.score.batch_size, "batch": self.digest}
        return {
            "proxy": {"name": name, **to_plain(proxy)},
            "direction": proxy.direction,
            "shared_by_live_edges": proxy.live_only and config.space.enumerable,
            "space": space_document(config.space),
            "network": self.size,
            "resolution": self.batch.inputs.shape[-1],
            **({} if proxy.needs == "shape" else seen),
            "seed": config.score.seed,
            "device": self.batch.inputs.device.type,
            "versions": versions(*proxies.PARTS.packages(name)),
        }


def check_scorable(
    asked: Iterable[Proxy], space: Space, architecture: Architecture, size: Values, batch: Batch, processes: int = 1
) -> None:
    """Whether an architecture's network can be scored in the memory that is free.

    Args:
        asked: what scores it.
        space: the search space.
        architecture: one that stands for all.
        size: settings of the network.
        batch: what the proxies look at.
        processes: that score at once.

    Raises:
        UserError: if it cannot.
    """

    def build(**changed: object) -> Network:
        network: Network = space.standalone(architecture, **changed).network
        return network

    needs = {proxy.needs for proxy in asked}
    count = 0 if needs == {"shape"} else len(batch.inputs)
    copies = 3 if "labels" in needs else 2  # with their gradient
    run = Pass(count, tuple(batch.inputs.shape[1:]), batch.inputs.dtype, copies, backward="labels" in needs)
    check_room(space, batch.inputs.device, build, size, run, "network", processes)


def digest_of(batch: Batch) -> str:
    """A hash of a batch's images and labels: two files of one name need not hold the same."""
    digest = hashlib.sha256()
    for tensor in (batch.inputs, batch.targets):
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Scores:
    """What a scoring gave.

    Attributes:
        config: how it was done.
        architectures: what was scored.
        measures: proxy -> what it measured of each [architectures, parts]; NaN where it is not defined.
        scores: proxy -> score of each among them [architectures]; infinite where it is not defined.
        files: proxy -> where they are kept.
        scale: the size of the networks and of their images, in words.
        truth: of each, in percent [architectures], NaN where it is not known; None without a benchmark.
        truth_name: the column that it is.
    """

    config: ScoreConfig
    architectures: tuple[Architecture, ...]
    measures: dict[str, np.ndarray]
    scores: dict[str, np.ndarray]
    files: dict[str, Path]
    scale: str
    truth: np.ndarray | None = None
    truth_name: str = ""

    def best(self, name: str) -> Architecture:
        """The best by a proxy; the first of equals."""
        return self.architectures[proxies.place_of_best(self.config.proxies[name], self.scores[name])]

    @property
    def places(self) -> list[int]:
        """Where each different architecture stands first."""
        first: dict[Architecture, int] = {}
        for place, architecture in enumerate(self.architectures):
            first.setdefault(architecture, place)
        return list(first.values())

    def rankings(self, truth: np.ndarray | None = None, seed: int = 0) -> dict[str, Ranking]:
        """How well each proxy ranks by truth [architectures], that of the benchmark if none is given; NaN is left out,
        and so are repeats, which would count twice.

        Raises:
            UserError: if fewer than three architectures have a truth, or there is none.
        """
        truth = self.truth if truth is None else truth
        if truth is None:
            raise UserError(f"there is no truth to rank by; give it, or score with {option('benchmark')}")
        known = [place for place in self.places if not np.isnan(truth[place])]
        rising = {name: self.config.proxies[name].rising(scores) for name, scores in self.scores.items()}
        return {name: rank(scores[known], truth[known], seed) for name, scores in rising.items()}


def score(
    architectures: Iterable[Architecture],
    config: ScoreConfig,
    folder: Path,
    *,
    workers: int | None = 1,
    executor: Executor[Any] | None = None,
    on_progress: OnProgress | None = None,
) -> Scores:
    """Scores architectures by every proxy of a configuration.

    Args:
        architectures: what to score; repeats are measured once, and count once among the others.
        config: how.
        folder: where the files of scores are; what they hold is not computed again.
        workers: processes of one thread each; 1 computes in this process, None takes one a core, or one a GPU. With
            more than one, a script needs the usual `if __name__ == "__main__":`.
        executor: where they are; on this machine by default. Elsewhere also 1 is a process of its own.
        on_progress: called with (scored, to be scored), counting what was kept from before.

    Raises:
        UserError: as `Scorer` does, or if the files cannot be written, or another process has one of them.
    """
    wanted = tuple(architectures)
    scorer = Scorer(config)
    standing = {name: _standing(config.space, wanted, config.proxies[name]) for name in config.proxies}
    jobs = [(name, architecture) for name in config.proxies for architecture in dict.fromkeys(standing[name])]
    report = on_progress or (lambda done, of: None)
    executor = executor or Local()
    needs = Needs(workers, devices=frozenset({config.score.device}))
    here = min(executor.here(needs), max(1, -(-len(jobs) // _CHUNK)))
    if wanted:
        check_scorable(config.proxies.values(), config.space, wanted[0], scorer.size, scorer.batch, max(1, here))
    with ExitStack() as files:
        kept = {name: files.enter_context(_kept(folder, scorer, name)) for name in config.proxies}
        missing = [(name, one) for name, one in jobs if config.space.format(one) not in kept[name]]
        report(len(jobs) - len(missing), len(jobs))
        if here == 1:
            found: Iterable[Measures] = (scorer.measure(*job) for job in missing)
        else:
            prepare = partial(_measure_in, tuple(config.proxies), json.dumps(config.document()))
            found = in_order(executor, needs, folder / JOBS, prepare, missing, _CHUNK)
        for number, ((name, architecture), measures) in enumerate(zip(missing, found, strict=True), start=1):
            kept[name].add(config.space.format(architecture), measures)
            report(len(jobs) - len(missing) + number, len(jobs))
    measured = {name: _measured(kept[name], config.space, standing[name]) for name in config.proxies}
    return Scores(
        config,
        wanted,
        measured,
        {name: _among(wanted, config.proxies[name], measures) for name, measures in measured.items()},
        {name: mine.cache.path for name, mine in kept.items()},
        _scale(scorer),
    )


def _kept(folder: Path, scorer: Scorer, name: str) -> AbstractContextManager[KeptMeasures]:
    config = scorer.config
    beginning = f"{config.space.name}-{name}"
    return kept_measures(config.proxies[name], folder, beginning, scorer.describe(name), movable=True)


def _measured(kept: KeptMeasures, space: Space, standing: Sequence[Architecture]) -> np.ndarray:
    return np.array([kept[space.format(architecture)] for architecture in standing]).reshape(len(standing), -1)


def _among(architectures: Sequence[Architecture], proxy: Proxy, measures: np.ndarray) -> np.ndarray:
    """The score of each among the different ones."""
    places = {architecture: place for place, architecture in enumerate(architectures)}
    scores = dict(zip(places, proxy.scores(measures[list(places.values())]), strict=True))
    return np.array([scores[architecture] for architecture in architectures])


def _scale(scorer: Scorer) -> str:
    size = ", ".join(f"{name} {value}" for name, value in vars(scorer.config.network).items())
    shape = " x ".join(map(str, scorer.batch.inputs.shape[1:]))
    return f"{size}; images {shape}, {scorer.size['num_classes']} classes"


def _standing(space: Space, architectures: Sequence[Architecture], proxy: Proxy) -> list[Architecture]:
    """The architecture whose measures each one has."""
    if not (proxy.live_only and space.enumerable):
        return list(architectures)
    first = _first_of_live(space)
    return [first[space.live(architecture)] for architecture in architectures]


@lru_cache(maxsize=4)
def _first_of_live(space: Space) -> dict[tuple[Pair, ...], Architecture]:
    first: dict[tuple[Pair, ...], Architecture] = {}
    for architecture in space:
        first.setdefault(space.live(architecture), architecture)
    return first


def _measure_in(names: tuple[str, ...], document: str) -> Callable[[tuple[str, Architecture]], Measures]:
    """What a process of several does: of (proxy, architecture), the measures."""
    scorer = Scorer(resolve_scores(names, json.loads(document)))
    return lambda job: scorer.measure(*job)
