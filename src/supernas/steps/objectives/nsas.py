r"""NSAS: the current path is trained under constraints from a diverse archive of architectures visited before.

M. Zhang, H. Li, S. Pan, X. Chang and S. Su, "Overcoming Multi-Model Forgetting in One-Shot NAS with Diversity
Maximization", CVPR 2020. With w(a) the weights of path a and M the archive (Eq. 8 and 11; R is the optimiser's decay):

    L_N(w(a_t)) = L_c(w(a_t)) + beta * sum over a_i in M of L_c(w(a_i))                                       (Eq. 8)
    N(a, M)     = mean distance of a to its k nearest neighbours in M                                         (Eq. 7)

Algorithm 2, each step: while M is not full, train with the plain loss and add a_t; then take the member most similar to
a_t and let the greedy novelty search (Algorithm 1) replace it: of n architectures drawn from the recent ones C, each
that is more novel than the member takes its place. Then train with Eq. 8.

Where the paper is silent, or its released code differs:

- The code turns the losses of the archive into plain numbers (RandomNAS) or never adds them (GDAS), so they reach no
  gradient; here every term is real.
- Novelty is that of M without the member that may be replaced, over k = min(10, M - 1) neighbours, for the member and
  for what is drawn alike: it says how diverse M is with the one or the other in the place. (Beside the member that it
  would replace, a drawn architecture is the less novel the more it is like it.) Of equally similar members the oldest
  is replaced; a drawn architecture that is another member is at distance 0 from it, so it rarely wins.
- `fill="random"` fills the archive as the code does: each new member is the most novel of ten random architectures,
  all before the first step.
- Eq. 8 multiplies the learning rate by 1 + beta * M; `normalise` divides by that. The paper prints no beta; the default
  of 1/8 with M = 8 is the released half for the current path and half for the mean of the archive.
- "or a replay buffer" (section 3.2, Algorithm 2) is not described further. `constraint="replay"` trains `replays`
  members drawn at random in place of all M, with the weight of all: the same loss in expectation, at a lower cost.
- Each kind of cell has an archive of its own, as in the code, with the distance between cells of that kind; a
  constraint is made of the members of one number in all archives.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.settings import Unused, setting, settings
from supernas.core.state import UNSAVED, State
from supernas.networks.base import Network
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, needs_paths, needs_whole
from supernas.steps.objectives.base import PathSum, WeightedPath

__all__ = ["NSAS"]

_DRAWS_TO_FILL = 10  # released: random architectures of which the most novel becomes a member


@dataclass
class Archive(State):
    """The constraints M, the oldest first; the recent architectures C; and the generator of what is drawn.

    `members` has a list for each kind of cell; of its architectures only the cells of that kind count.
    """

    space: Space = field(metadata=UNSAVED)
    generator: np.random.Generator
    members: dict[str, list[Architecture]]
    recent: deque[Architecture]

    @property
    def constraints(self) -> list[Architecture]:
        """The architectures that the members make, one of each number."""
        return [
            self.space.combined(dict(zip(self.members, cells, strict=True)))
            for cells in zip(*self.members.values(), strict=True)
        ]

    def novelty(self, kind: str, cell: Architecture, members: list[Architecture], neighbours: int) -> float:
        """The mean distance of a cell to its nearest neighbours among the members (Eq. 7); 0 without members."""
        distances = sorted(self.space.distance_in(kind, cell, member) for member in members)[:neighbours]
        return float(np.mean(distances)) if distances else 0.0


@settings
class NSAS(PathSum[Archive]):
    """Trains the current path together with a diverse archive of earlier ones (Eq. 8)."""

    beta: float = setting(0.125, "weight of each member of the archive", equation="Eq. 8", ge=0)
    members: int = setting(8, "M: architectures in the archive", equation="Eq. 6", ge=2)
    neighbours: int = setting(10, "k: nearest members whose mean distance is the novelty", equation="Eq. 7", ge=1)
    recent: int = setting(50, "|C|: recent architectures from which new members are drawn", ge=1)
    draws: int | None = setting(None, "n: how many are drawn from them each step; |C| by default", ge=1)
    fill: Literal["current", "random"] = setting(
        "current", "the first members: the architectures that come by (paper), or diverse random ones (released)"
    )
    constraint: Literal["loss", "replay"] = setting("loss", "all members each step, or some drawn at random")
    replays: int = setting(1, "members drawn each step with constraint='replay'", ge=1)
    normalise: bool = setting(True, "divide the loss by the sum of its weights")

    def unused(self) -> Iterator[Unused]:
        """The archive, where it has no weight; draws from it, where all of it is trained."""
        if self.beta == 0:
            names = ("members", "neighbours", "recent", "draws", "fill", "constraint", "replays", "normalise")
            yield Unused(names, "beta=0", "beta above 0")
        elif self.constraint == "loss":
            yield Unused(("replays",), "constraint=loss", "constraint=replay")

    def refuses(self, chosen: Chosen) -> str:
        """Methods of mixtures, and batches that are shared out and cannot be."""
        why = "it constrains the training of one architecture by that of earlier ones (section 3.4)"
        refusal = needs_paths(chosen, why)
        if not refusal and self.beta == 0:
            refusal = needs_whole(chosen, "beta=0 trains one path")
        return refusal or super().refuses(chosen)

    def most_paths(self, space: Space) -> int:
        """The current one, and the members that are trained with it."""
        if self.beta == 0:
            return 1
        return 1 + (self.members if self.constraint == "loss" else min(self.replays, self.members))

    def init(self, network: Network, space: Space, seed: int) -> Archive:
        """An empty archive, or one of diverse random architectures."""
        empty: dict[str, list[Architecture]] = {kind: [] for kind in space.kinds}
        state = Archive(space, np.random.default_rng([seed, 8]), empty, deque(maxlen=self.recent))
        if self.fill == "random" and self.beta > 0:
            for kind, members in state.members.items():
                self._fill(state, kind, members)
        return state

    def _fill(self, state: Archive, kind: str, members: list[Architecture]) -> None:
        """Members of which each is the most novel of some random ones."""
        while len(members) < self.members:
            drawn = [state.space.sample(state.generator) for _ in range(_DRAWS_TO_FILL)]
            members.append(max(drawn, key=lambda one: state.novelty(kind, one, members, self._nearest)))

    def paths(self, state: Archive, architecture: Architecture) -> list[WeightedPath]:
        """One path while the archive fills or beta is 0; then 1 + M, or 1 + `replays`."""
        paths = [WeightedPath(architecture, 1.0, "current")]
        if self.beta > 0:
            full = all(len(members) == self.members for members in state.members.values())
            for kind, members in state.members.items():
                if full:
                    state.members[kind] = self._replaced(state, kind, architecture)
                else:
                    members.append(architecture)
            if full:
                paths += self._constraints(state)
            state.recent.append(architecture)
        return paths

    def _replaced(self, state: Archive, kind: str, current: Architecture) -> list[Architecture]:
        """The members after the greedy novelty search (Algorithm 1) for the place of the one most like the current."""
        members, k = state.members[kind], self._nearest
        place = min(range(len(members)), key=lambda number: state.space.distance_in(kind, members[number], current))
        chosen = members[place]
        others = members[:place] + members[place + 1 :]
        highest = state.novelty(kind, chosen, others, k)
        if not state.recent:
            return members
        for number in state.generator.integers(len(state.recent), size=self.draws or len(state.recent)):
            drawn = state.recent[number]
            novelty = state.novelty(kind, drawn, others, k)
            if novelty > highest:
                chosen, highest = drawn, novelty
        return members if chosen == members[place] else [*others, chosen]

    def _constraints(self, state: Archive) -> list[WeightedPath]:
        """The members that this step trains, with their weights."""
        constraints = state.constraints
        if self.constraint == "loss":
            chosen, weight = constraints, self.beta
        else:
            places = state.generator.integers(len(constraints), size=self.replays)
            chosen, weight = [constraints[place] for place in places], self.beta * self.members / self.replays
        return [WeightedPath(member, weight, "members") for member in chosen]

    @property
    def _nearest(self) -> int:
        """K of Eq. 7: a member has M - 1 others."""
        return min(self.neighbours, self.members - 1)
