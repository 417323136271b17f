"""Ensemble: any proxies together, by the ranks that they give.

With r_k the rank of a candidate among all m by proxy k, 1 the lowest and m the best,

    score = sum_k r_k    (`linear`),    or    sum_k log(r_k / m)    (`logarithmic`),

of which the second asks for candidates that no proxy puts low: J. Lee and B. Ham, "AZ-NAS: Assembling Zero-Cost Proxies
for Network Architecture Search", CVPR 2024 (Eq. 12). The sum of ranks is that of W. Chen, X. Gong and Z. Wang, "Neural
Architecture Search on ImageNet in Four GPU Hours: A Theoretically Inspired Perspective" (TE-NAS), ICLR 2021 (section
3.2) for `ntk` and `linear-regions`. By default the proxies are the three of M. Abdelfattah
et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021 (section 4), who let them vote instead.

Every proxy measures what it measures alone, of the same weights. A proxy that is not defined for a candidate ranks it
lowest.
"""

from collections.abc import Sequence

import numpy as np
import torch

from supernas import proxies
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies._ranks import RankSum, rank_sum
from supernas.proxies.base import Loss, Needs, Proxy, Value

__all__ = ["Ensemble"]


@settings
class Ensemble(Proxy):
    """Sum of the ranks, or of their logarithms, by several proxies."""

    reference = "Chen, Gong and Wang, ICLR 2021; Lee and Ham, CVPR 2024"

    of: tuple[str, ...] = setting(
        ("synflow", "jacob-cov", "snip"), "the proxies, with their default settings", min_length=1
    )
    ranks: RankSum = setting("logarithmic", "what is summed: ranks, or their logarithms", equation="Eq. 12")

    def __post_init__(self) -> None:
        for name in self.of:
            proxies.get(name)
            if name == "ensemble" or self.of.count(name) > 1:
                raise ValueError(f"of names {name}; wanted different proxies, none of them an ensemble")

    @property
    def members(self) -> dict[str, Proxy]:
        """The proxies by name."""
        return {name: proxies.get(name)() for name in self.of}

    @property
    def needs(self) -> Needs:
        """All that a member needs."""
        order: tuple[Needs, ...] = ("shape", "images", "labels")
        return max((member.needs for member in self.members.values()), key=order.index)

    @property
    def live_only(self) -> bool:
        """Whether it is so of every member."""
        return all(member.live_only for member in self.members.values())

    @property
    def parts(self) -> tuple[str, ...]:
        """Those of all members, one after another."""
        return tuple(f"{name} {part}".rstrip() for name, member in self.members.items() for part in member.parts)

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Sequence[Value]:
        """What each member measures, with a generator of its own, as when it is alone."""
        seed = generator.initial_seed()
        return [
            number
            for member in self.members.values()
            for number in member.measure(network, batch, loss, torch.Generator().manual_seed(seed))
        ]

    def scores(self, measures: np.ndarray) -> np.ndarray:
        """Of the members' scores, turned so that larger is better."""
        members = list(self.members.values())
        ends = np.cumsum([len(member.parts) for member in members])[:-1]
        columns = [
            member.rising(member.scores(mine))
            for member, mine in zip(members, np.split(measures, ends, axis=1), strict=True)
        ]
        return rank_sum(np.stack(columns, axis=1), self.ranks)
