"""How a zero-cost proxy is asked about a finished search, alone or beside the supernet.

A proxy judges untrained networks, so their size is free: `set` makes it that of the network that will be trained, where
the supernet had to be small.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.files import versions
from supernas.core.settings import build, setting, settings
from supernas.data import Batch
from supernas.evaluation.cache import Cache
from supernas.evaluation.proxy_scores import digest_of
from supernas.evaluation.selection.question import Question
from supernas.proxies import Proxy
from supernas.runs.configuration import assign, space_document

__all__ = ["Scoring", "scoring"]


Score = Callable[[Architecture], float]


@settings
class Scoring:
    """How a proxy is asked."""

    proxy: str = setting("synflow", "what scores them; `supernas list proxies`")
    batch_size: int = setting(64, "training images that the proxy looks at", ge=2)
    set: tuple[str, ...] = setting(
        (), "settings of the networks that are scored, as network.name=value; by default they are the supernet's size"
    )


@contextmanager
def scoring(options: Scoring, question: Question, count: int) -> Iterator[tuple[Proxy, Score]]:
    """(the proxy, the score of an architecture), each kept in a file of the run folder as soon as it is known."""
    config, proxy = question.config, proxies.get(options.proxy)()
    if config.space.data_kind != "images":
        kind = config.space.data_kind
        raise UserError(f"zero-cost proxies judge networks for images; those of {config.space.name} read {kind}")
    dataset = config.data.load().for_search(config.search.seed, config.search.split)
    batch = dataset.first("train", options.batch_size, question.device)
    asked = _Asked(options.proxy, proxy, question, batch, _size(options, question, dataset.network))
    cache = Cache(question.folder, f"scores-{options.proxy}", asked.deciding())
    report, scored = question.on_progress or (lambda done, of: None), 0
    loss = dataset.task().loss
    with cache.open() as keep:

        def score(architecture: Architecture) -> float:
            nonlocal scored
            text = config.space.format(architecture)
            if text not in cache.values:
                value = proxies.score_architecture(
                    proxy, config.space, architecture, asked.size, batch, loss, question.seed
                )
                keep(text, value if math.isfinite(value) else None)
            scored += 1
            report(scored, count)
            known = cache.values[text]
            return proxy.worst if known is None or not question.usable(architecture) else known

        yield proxy, score


def _size(options: Scoring, question: Question, data_shape: Values) -> Document:
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
            "versions": versions(*proxies.PARTS.packages(self.name)),
        }
