r"""DARTS-PT: what the supernet misses most when it is taken away, not what alpha says.

R. Wang, M. Cheng, X. Chen, X. Tang and C.-J. Hsieh, "Rethinking Architecture Selection in Differentiable NAS", ICLR
2021 (section 4, Algorithm 1). With W the relaxation's mean of the finished search and M(W) its validation metric:

    at each choice, in random order:   o* = argmin over options o of M(W without o);   W[choice] <- onehot(o*);   tune
    at each node, in random order:     of as many edges e as the space keeps the smallest M(W without e) stay;   tune

Tuning trains the supernet's weights on the mixture that is left, so that it recovers from a decision before the next.
The second part is for spaces in which a node keeps some of its edges. Taking away is a weight of 0; the others stay.

- Published: 5 epochs of tuning after each decision. Here alpha stays, as do the momentum's and the learning rate's
  settings, but the learning rate is constant (`lr`, that at which DARTS's searches end) and momentum begins anew.
- Options that the space derives never (`none` in DARTS's spaces) and those that the network does not hold any more are
  no candidates, nor is what would leave no path from input to output.
- The weights that are tuned are those of this choice; the search's files stay as they are. A choice that is killed
  begins anew.
- Normalisation is as the search's `supernet.batch_norm` says.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import END
from supernas.core.settings import refuse_unused, setting, settings
from supernas.core.spelling import option
from supernas.data import Dataset
from supernas.evaluation.selection.by_distribution import learnt
from supernas.evaluation.selection.question import Question, Selection, Selector
from supernas.networks.base import Mixture
from supernas.spaces.base import Space
from supernas.steps.contracts import Differentiable, MethodState
from supernas.steps.relaxations import Matrices, derived
from supernas.steps.weights import MixtureTrainer

__all__ = ["DartsPT", "Decisions"]


@settings
class DartsPT(Selector):
    """Of each choice the option, then of each node the edges, without which the supernet is worst (DARTS-PT)."""

    asks_many: ClassVar[bool] = False
    tune: int = setting(5, "epochs for which the supernet is trained after each decision", ge=0)
    lr: float = setting(0.001, "learning rate of that training", gt=0)

    def __post_init__(self) -> None:
        if not self.tune:
            refuse_unused(self, ("lr",), "tune=0")

    def choose(self, question: Question, runs: Path) -> Selection:
        """Takes away, decides and tunes."""
        if question.evaluation.batch_norm != "batch":
            raise UserError(
                "darts-pt asks about mixtures, normalised as in the search; leave out "
                f"{option('batch_norm', question.evaluation.batch_norm)}"
            )
        method, state = learnt(question.folder)
        if not isinstance(method, Differentiable):
            name = question.config.method_name
            raise UserError(f"{name} has no mixture of which an option could be taken away; wanted a search that has")
        with torch.no_grad():
            W = {kind: matrix.clone() for kind, matrix in method.relax(state, method.alpha(state)).items()}
        supernet = _Supernet(question, state, self)
        decisions = Decisions(
            question.space,
            {kind: matrix.cpu() for kind, matrix in W.items()},
            state.context.network.pairs,
            supernet.metric,
            supernet.tune,
            question.generator,
            question.usable,
            lambda one, other: state.context.task.better(other, one),
        )
        architecture = decisions.all(question.on_progress or (lambda done, of: None))
        score = supernet.metric(decisions.W)
        return Selection(
            architecture,
            score,
            f"{state.context.task.metric_name} of the mixture that is left, with tuned weights",
            {"evaluations": decisions.asked, "differs_from_alpha": architecture != derived(W, question.space)},
        )


class _Supernet:
    """The supernet of a finished search, asked about mixtures and tuned on them.

    Raises:
        UserError: if it reads texts, whose batches go on from one another.
    """

    def __init__(self, question: Question, state: MethodState, options: DartsPT) -> None:
        config, context = question.config, state.context
        dataset: Dataset = config.data.load().for_search(config.search.seed, config.search.split)
        if config.space.data_kind == "text":
            raise UserError(f"darts-pt judges on images; the networks of {config.space.name} read texts")
        weights = replace(context.weights, lr=options.lr, lr_min=options.lr, warmup=0.0, decay="cosine")
        context = replace(context, weights=weights)
        self.context, self.epochs, self.images = context, options.tune, question.evaluation.images
        self.trainer, self.dataset = MixtureTrainer.make(context), dataset
        self.stream = dataset.stream("train", config.search.batch_size, question.seed, context.device)

    def metric(self, W: Matrices) -> float:
        """That of a mixture on the validation images."""
        network, task, device = self.context.network, self.context.task, self.context.device
        there = {kind: matrix.to(device) for kind, matrix in W.items()}
        total, count = 0.0, 0
        network.eval()
        with torch.inference_mode():
            for batch in self.dataset.batches("valid", device, self.images):
                judged = task.metric(network(batch.inputs, there).prediction, batch.targets)
                total, count = total + float(judged) * batch.targets.numel(), count + batch.targets.numel()
        network.train()
        return task.finish(total / count)

    def tune(self, W: Matrices) -> None:
        """Trains the weights on a mixture."""
        there = {kind: matrix.to(self.context.device) for kind, matrix in W.items()}
        for _ in range(self.epochs * self.stream.steps_per_epoch):
            self.trainer.step(next(self.stream), Mixture(there), END)


@dataclass
class Decisions:
    """The mixture that is left, and how it is decided about.

    Attributes:
        space: says what an architecture is.
        W: kind -> Float[choices, options] on the host; changed by decisions.
        held: the (choice, option) pairs that there are.
        metric: of a mixture.
        tune: trains on a mixture.
        generator: of the order.
        usable: whether an architecture may be the answer.
        worse: whether one metric is worse than another.
        asked: mixtures that were asked about.
    """

    space: Space
    W: dict[str, torch.Tensor]
    held: tuple[tuple[int, int], ...]
    metric: Callable[[Matrices], float]
    tune: Callable[[Matrices], None]
    generator: np.random.Generator
    usable: Callable[[Architecture], bool]
    worse: Callable[[float, float], bool]
    asked: int = 0

    def all(self, report: Callable[[int, int], Any]) -> Architecture:
        """Decides about all choices, then about the edges of all nodes."""
        candidates = {choice: self.candidates(choice) for choice in range(len(self.space.choices))}
        nodes = [node for node in self.nodes() if len(node[0]) > node[1]]
        of = sum(map(len, candidates.values())) + sum(len(edges) for edges, _ in nodes)
        decided: dict[int, int] = {}
        for choice in self.generator.permutation(len(candidates)).tolist():
            decided[choice] = self.decide_option(choice, self._open(candidates, decided, choice))
            report(min(self.asked, of), of)
        for place in self.generator.permutation(len(nodes)).tolist():
            self.decide_edges(*nodes[place])
            report(min(self.asked, of), of)
        return derived(self.W, self.space)

    def decide_option(self, choice: int, candidates: Sequence[int]) -> int:
        """The option without which the mixture is worst is all that stays at a choice."""
        kind, row = self._place(choice)
        taken = self._most_missed([(kind, row, candidate) for candidate in candidates]) if len(candidates) > 1 else 0
        self.W[kind][row] = torch.nn.functional.one_hot(torch.tensor(candidates[taken]), self.W[kind].shape[1])
        self.tune(self.W)
        return candidates[taken]

    def decide_edges(self, edges: Sequence[int], count: int) -> None:
        """So many of a node's edges stay, those without which the mixture is worst."""
        left = list(edges)
        kept = []
        metrics = [self._without(*self._place(edge), slice(None)) for edge in edges]
        for _ in range(count):
            place = _first_worst([metrics[edges.index(edge)] for edge in left], self.worse)
            kept.append(left.pop(place))
        for edge in left:
            kind, row = self._place(edge)
            self.W[kind][row] = 0.0
        self.tune(self.W)

    def candidates(self, choice: int) -> list[int]:
        """The options of a choice that the network holds and the space may derive."""
        return [held for at, held in self.held if at == choice and (choice, held) in self._leaning(choice, held).pairs]

    def nodes(self) -> Iterator[tuple[list[int], int]]:
        """(the choices that enter a node, how many of them an architecture has), of each node of each kind."""
        example = derived(self.W, self.space)
        for where in self.space.kinds.values():
            ends: dict[int, list[int]] = {}
            for choice in where:
                ends.setdefault(self.space.ends(choice)[1], []).append(choice)
            for edges in ends.values():
                yield edges, sum(choice in edges for choice, _ in example.pairs)

    def _open(self, candidates: dict[int, list[int]], decided: dict[int, int], choice: int) -> list[int]:
        """Those candidates with which some architecture may still be the answer; all where it cannot be known."""
        options = candidates[choice]
        fit = [one for one in options if self._may_be_usable(candidates, {**decided, choice: one})]
        return fit or options

    def _may_be_usable(self, candidates: dict[int, list[int]], decided: dict[int, int]) -> bool:
        for ahead in range(max(map(len, candidates.values()))):  # the others each take their first, their second, ...
            W = {kind: torch.zeros_like(matrix) for kind, matrix in self.W.items()}
            for choice, options in candidates.items():
                kind, row = self._place(choice)
                W[kind][row, decided.get(choice, options[min(ahead, len(options) - 1)])] = 1.0
            if self.usable(derived(W, self.space)):
                return True
        return False

    def _leaning(self, choice: int, held: int) -> Architecture:
        """What the space derives from a mixture in which one option of one choice outweighs all."""
        W = {kind: torch.full_like(matrix, 1e-3) for kind, matrix in self.W.items()}
        kind, row = self._place(choice)
        W[kind][row, held] = 1.0
        return derived(W, self.space)

    def _place(self, choice: int) -> tuple[str, int]:
        """(kind, row of its matrix) of a choice."""
        return next((kind, choice - where.start) for kind, where in self.space.kinds.items() if choice in where)

    def _most_missed(self, entries: Sequence[tuple[str, int, int]]) -> int:
        return _first_worst([self._without(*entry) for entry in entries], self.worse)

    def _without(self, kind: str, row: int, entry: Any) -> float:
        """The metric where an entry of W, or a row, is 0."""
        W = {name: matrix.clone() for name, matrix in self.W.items()}
        W[kind][row, entry] = 0.0
        self.asked += 1
        return self.metric(W)


def _first_worst(metrics: Sequence[float], worse: Callable[[float, float], bool]) -> int:
    """The place of the worst metric, the first of equals."""
    worst = 0
    for place, metric in enumerate(metrics):
        if worse(metric, metrics[worst]):
            worst = place
    return worst
