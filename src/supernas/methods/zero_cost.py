"""Zero-cost NAS: random architectures, ranked by a proxy of their untrained networks.

M. Abdelfattah, A. Mehrotra, L. Dudziak and N. Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021; the baseline of
that name beside BaLeNAS (M. Zhang et al., CVPR 2022, table 2) draws 10, 50 or 100:

    a_1 .. a_n ~ Uniform(space),    answer = argmax_i proxy(a_i),

where a proxy that ranks does so among the n.

No weights are trained: no training batch is looked at, and the supernet stays as it began, so what a run records of
inherited accuracy is that of untrained weights. The candidates are drawn at the start and measured in equal shares over
the steps of the search, all on the first validation batch, each with initial weights of its own.
"""

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.ranks import gathered_objects, rank, size, whole
from supernas.core.settings import build, setting, settings
from supernas.core.state import UNSAVED
from supernas.data import Batch
from supernas.proxies import Measures, Proxy
from supernas.steps.contracts import Chosen, Method, MethodState, Metrics, SearchContext, Validate, needs_single

__all__ = ["ZeroCost"]


@dataclass(kw_only=True)
class _Scored(MethodState):
    """The candidates, the batch that they are measured on, and what was measured of the first of them."""

    candidates: list[Architecture] = field(metadata=UNSAVED)  # follow from the seed
    inputs: Tensor | None = None
    targets: Tensor | None = None
    measures: list[Measures] = field(default_factory=list)

    @property
    def last_path(self) -> None:
        """None: no path trains the weights."""
        return None


@settings
class ZeroCost(Method[_Scored]):
    """Random architectures, of which a zero-cost proxy takes the best; nothing is trained."""

    trains_paths: ClassVar[bool] = False
    trains_weights: ClassVar[bool] = False
    needs_float64: ClassVar[bool] = True
    published: ClassVar[Document] = {"search": {"epochs": 1}}

    candidates: int = setting(100, "random architectures that are compared", equation="n", ge=1)
    proxy: str = setting("synflow", "what scores them; `supernas list proxies`")
    settings: Document = setting({}, "of the proxy, as method.settings.name=value")

    def __post_init__(self) -> None:
        self._made()

    def init(self, context: SearchContext) -> _Scored:
        """Draws the candidates."""
        generator = np.random.default_rng(context.seed)
        candidates = [context.space.sample(generator) for _ in range(self.candidates)]
        return _Scored(context=context, candidates=candidates)

    def refuses(self, chosen: Chosen) -> str:
        """Networks that read something else than images, and a precision of training."""
        space = chosen.space
        if why := needs_single(chosen, "nothing is trained, and proxies have a precision of their own"):
            return why
        if space.data_kind == "images":
            return ""
        why = "its proxies judge networks for images"
        return f"does not go with the space {space.name}, whose networks read {space.data_kind}: {why}"

    def step(self, state: _Scored, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """Measures this step's share of the candidates, on several devices each some of them."""
        if state.inputs is None or state.targets is None:
            state.inputs, state.targets = whole(valid.inputs), whole(valid.targets)
        batch = Batch(state.inputs, state.targets)
        due = math.ceil(self.candidates * (progress.step + 1) / progress.steps)
        there = state.candidates[len(state.measures) : due]
        mine = [self._measure(state, architecture, batch) for architecture in there[rank() :: size()]]
        everyone = gathered_objects(mine)
        state.measures += [everyone[number % size()][number // size()] for number in range(len(there))]
        return {}

    def epoch(self, state: _Scored, validate: Validate, progress: Progress) -> Metrics:
        """How many are measured, and the best score among them where there is any."""
        best = self._best(state)[1]
        report = {"scored": float(len(state.measures)), **({"best_score": best} if math.isfinite(best) else {})}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in report.items()}

    def derive(self, state: _Scored, validate: Validate) -> Architecture:
        """The best so far, the first of equals.

        Raises:
            UserError: if the proxy is defined for none of all candidates.
        """
        place, best = self._best(state)
        if len(state.measures) == self.candidates and not math.isfinite(best):
            raise UserError(
                f"{self.proxy} is not defined for any of the {self.candidates} candidates; take another method.proxy"
            )
        return state.candidates[place]

    def _best(self, state: _Scored) -> tuple[int, float]:
        """(its place, its score among those so far)."""
        proxy = self._made()
        scores = proxy.scores(np.array(state.measures))
        place = proxies.place_of_best(proxy, scores)
        return place, float(scores[place])

    def _measure(self, state: _Scored, architecture: Architecture, batch: Batch) -> Measures:
        context = state.context
        return proxies.measure_architecture(
            self._made(),
            context.space,
            architecture,
            context.network_settings,
            batch,
            context.task.loss,
            context.seed,
        )

    def _made(self) -> Proxy:
        return build(proxies.get(self.proxy), self.settings, "method.settings")
