"""The best by a zero-cost proxy, alone (BaLeNAS-TF; M. Zhang et al., CVPR 2022, section 3.3) or beside the supernet.

A proxy judges untrained networks, so their size is free: `set` makes it that of the network that will be trained, where
the supernet had to be small.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.files import versions
from supernas.core.settings import build, setting, settings
from supernas.data import Batch
from supernas.evaluation.cache import cached
from supernas.evaluation.proxy_scores import check_scorable, digest_of
from supernas.evaluation.selection.by_distribution import draw_from_distribution, learnt
from supernas.evaluation.selection.question import Question, Selection, Selector, Source
from supernas.proxies import Proxy
from supernas.runs.configuration import assign, space_document

__all__ = ["ByProxy", "Ranks"]

Score = Callable[[Architecture], float]


@settings
class _Scoring:
    """How a proxy is asked."""

    proxy: str = setting("synflow", "what scores them; `supernas list proxies`")
    batch_size: int = setting(64, "training images that the proxy looks at", ge=2)
    set: tuple[str, ...] = setting(
        (), "settings of the networks that are scored, as network.name=value; by default they are the supernet's size"
    )


@settings
class ByProxy(_Scoring, Selector):
    """The best by a zero-cost proxy of architectures drawn from the distribution with which the search ended, or of
    those that it visited.
    """

    asks_many: ClassVar[bool] = False
    asks_supernet: ClassVar[bool] = False
    draws: int = setting(
        100, "architectures that are drawn, repeats included, each scored once; or the latest visited", ge=1
    )
    source: Literal["learnt", "visited"] = setting("learnt", "the distribution of the search, or what it visited")

    def choose(self, question: Question, runs: Path) -> Selection:
        """Scores untrained networks."""
        counts = Counter(self._drawn(question))
        with _scoring(self, question, list(counts)) as (proxy, score):
            best, scores = proxies.best_by_proxy(counts, score, proxy.direction)
        if not math.isfinite(scores[best]):
            raise UserError(f"{self.proxy} is not defined for any of the {len(counts)} architectures that were drawn")
        space = question.config.space
        details = {
            "drawn": {space.format(one): times for one, times in counts.items()},
            "scores": [score if math.isfinite(score) else None for score in scores.values()],
        }
        return Selection(best, scores[best], f"{self.proxy} of the untrained network", details)

    def _drawn(self, question: Question) -> list[Architecture]:
        if self.source == "visited":
            return question.candidates("visited", self.draws)
        generator = torch.Generator().manual_seed(int(question.generator.integers(2**62)))
        return draw_from_distribution(*learnt(question.folder), self.draws, generator)


@settings
class Ranks(_Scoring, Selector):
    """The smallest sum of the ranks by inherited accuracy and by a zero-cost proxy; of equals the more accurate."""

    candidates: int = setting(100, "architectures that are compared", ge=1)
    source: Source = setting("uniform", "uniform draws, or the latest that the search visited")

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks the supernet about all, and scores untrained networks."""
        from scipy.stats import rankdata  # slow to import, and the front door must not wait for it

        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
        with _scoring(self, question, architectures) as (proxy, score):
            scores = np.array([score(one) for one in architectures])
        rising = scores if proxy.direction == "max" else -scores
        ranks = rankdata(-accuracies) + rankdata(-rising)
        unusable = np.array([not question.usable(one) for one in architectures])
        best = int(np.lexsort((-accuracies, ranks, unusable))[0])
        texts = [question.config.space.format(one) for one in architectures]
        details = {
            "candidates": texts,
            "accuracies": [float(one) for one in accuracies],
            "scores": [float(one) if math.isfinite(one) else None for one in scores],
        }
        judged = f"mean rank of {len(texts)} by inherited accuracy and {self.proxy}"
        return Selection(architectures[best], float(ranks[best] / 2), judged, details)


@contextmanager
def _scoring(
    options: _Scoring, question: Question, architectures: Sequence[Architecture]
) -> Iterator[tuple[Proxy, Score]]:
    """(the proxy, the score of one of the architectures), each kept in a file of the run folder as soon as known."""
    config, proxy = question.config, proxies.get(options.proxy)()
    if config.space.data_kind != "images":
        kind = config.space.data_kind
        raise UserError(f"zero-cost proxies judge networks for images; those of {config.space.name} read {kind}")
    dataset = config.data.load().for_search(config.search.seed, config.search.split)
    batch = dataset.first("train", options.batch_size, question.device)
    asked = _Asked(options.proxy, proxy, question, batch, _size(options, question, dataset.network))
    check_scorable([proxy], config.space, architectures[0], asked.size, batch)
    report, scored = question.on_progress or (lambda done, of: None), 0
    loss = dataset.task().loss
    with cached(question.folder, f"scores-{options.proxy}", asked.deciding()) as cache:

        def score(architecture: Architecture) -> float:
            nonlocal scored
            text = config.space.format(architecture)
            if text not in cache.values:
                value = proxies.score_architecture(
                    proxy, config.space, architecture, asked.size, batch, loss, question.seed
                )
                cache.add(text, value if math.isfinite(value) else None)
            scored += 1
            report(scored, len(architectures))
            known = cache.values[text]
            return proxy.worst if known is None or not question.usable(architecture) else known

        yield proxy, score


def _size(options: _Scoring, question: Question, data_shape: Values) -> Document:
    """Arguments of the networks that are scored."""
    network_class = question.space.network_class
    document: Document = {"network": network_class.size_of(question.config.supernet)}
    for assignment in options.set:
        if not assignment.strip().startswith("network."):
            raise UserError(
                f"set {assignment!r}: wanted the size of the networks that are scored, as network.name=value"
            )
        assign(document, assignment)
    checked = build(network_class.network_settings, document["network"], "network")
    return {**data_shape, **{name: getattr(checked, name) for name in document["network"]}}


@dataclass(frozen=True)
class _Asked:
    """All that decides an architecture's score."""

    name: str
    proxy: Proxy
    question: Question
    batch: Batch
    size: Document

    def deciding(self) -> Document:
        """The same as plain values."""
        return {
            "proxy": self.name,
            "space": space_document(self.question.config.space),
            "network": self.size,
            "batch": digest_of(self.batch),
            "seed": self.question.seed,
            "device": self.question.device.type,
            "versions": versions(),
        }
