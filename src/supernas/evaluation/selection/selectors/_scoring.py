"""How a zero-cost proxy is asked about a finished search, alone or beside the supernet.

A proxy judges untrained networks, so their size is free: `set` makes it that of the network that will be trained, where
the supernet had to be small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.files import versions
from supernas.core.settings import build, setting, settings, to_plain
from supernas.data import Batch
from supernas.evaluation.measures import kept_measures
from supernas.evaluation.proxy_scores import check_scorable, digest_of
from supernas.evaluation.selection.question import Question
from supernas.networks.base import NetworkSettings
from supernas.proxies import Proxy
from supernas.runs.configuration import assign, space_document

__all__ = ["Scoring", "scores_of"]


@settings
class Scoring:
    """How a proxy is asked."""

    proxy: str = setting("synflow", "what scores them; `supernas list proxies`")
    batch_size: int = setting(64, "training images that the proxy looks at", ge=2)
    set: tuple[str, ...] = setting(
        (),
        "settings of the networks that are scored, as network.name=value; by default they are the supernet's size; and "
        "of the proxy, as its-name.name=value",
    )

    def document(self, question: Question, sized_as: NetworkSettings) -> Document:
        """Sections `network` and, by its name, of the proxy."""
        sections = ("network", self.proxy)
        names = question.space.network_class.size_of(question.config.supernet)
        document: Document = {"network": {name: getattr(sized_as, name) for name in names}, self.proxy: {}}
        for assignment in self.set:
            if assignment.strip().partition(".")[0] not in sections:
                raise UserError(
                    f"set {assignment!r}: wanted the size of the networks that are scored, as network.name=value, or a "
                    f"setting of the proxy, as {self.proxy}.name=value"
                )
            assign(document, assignment)
        return document


def scores_of(
    options: Scoring,
    question: Question,
    architectures: Sequence[Architecture],
    sized_as: NetworkSettings | None = None,
) -> tuple[Proxy, np.ndarray]:
    """(the proxy, the score of each among them; the worst where it may not be chosen).

    Networks have the size of `sized_as`, by default of the supernet, or what `options.set` makes of it. What is
    measured of each is kept in a file of the run folder as soon as it is known.
    """
    config, kind = question.config, proxies.get(options.proxy)
    if config.space.data_kind != "images":
        read = config.space.data_kind
        raise UserError(f"zero-cost proxies judge networks for images; those of {config.space.name} read {read}")
    document = options.document(question, sized_as or config.supernet)
    proxy = build(kind, document[options.proxy], options.proxy)
    dataset = config.data.load().for_search(config.search.seed, config.search.split)
    batch = dataset.first("train", options.batch_size, question.device)
    asked = _Asked(options.proxy, proxy, question, batch, _size(document, question, dataset.network))
    check_scorable([proxy], config.space, architectures[0], asked.size, batch)
    report = question.on_progress or (lambda done, of: None)
    loss, texts = dataset.task().loss, [config.space.format(one) for one in architectures]
    with kept_measures(proxy, question.folder, f"scores-{options.proxy}", asked.deciding()) as kept:
        for done, (text, one) in enumerate(zip(texts, architectures, strict=True), start=1):
            if text not in kept:
                measures = proxies.measure_architecture(
                    proxy, config.space, one, asked.size, batch, loss, question.seed
                )
                kept.add(text, measures)
            report(done, len(texts))
        scores = proxy.scores(np.array([kept[text] for text in texts]))
    return proxy, np.where([question.usable(one) for one in architectures], scores, proxy.worst)


def _size(document: Document, question: Question, data_shape: Values) -> Document:
    """Arguments of the networks that are scored."""
    checked = build(question.space.network_class.network_settings, document["network"], "network")
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
            "proxy": {"name": self.name, **to_plain(self.proxy)},
            "space": space_document(self.question.config.space),
            "network": self.size,
            "batch": digest_of(self.batch),
            "seed": self.question.seed,
            "device": self.question.device.type,
            "versions": versions(*proxies.PARTS.packages(self.name)),
        }
