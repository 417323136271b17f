r"""Few-shot supernets: a supernet that is split on one choice, into one for each of its options.

Y. Zhao, L. Wang, Y. Tian, R. Fonseca and T. Guo, "Few-Shot Neural Architecture Search", ICML 2021 (section 3): one
supernet shares its weights among architectures that want different ones, and none costs a training for each. With the
options o_1 .. o_K of one choice the space falls into K parts, each with a supernet of its own that holds one option
there:

    before the split    w         <- w - grad_w L(w, a)                  one supernet for all paths a
    at the split        w_1 .. w_K <- w                                  transfer of weights
    afterwards          w_k       <- w_k - grad L(w_k, a),   a has o_k   each by the paths of its part

so that paths share weights only with those that agree with them at the choice. What trains and what is asked stays as
it is: it is a network like others to methods and objectives, which sends each path to the supernet of its part.

- The split is after a part of the search; with `search.inherit` of a one-shot search it may be at once
  (`few_shot_at=0`), which is the published course. There each supernet is trained apart (released for NAS-Bench-201:
  150 epochs each, after 600 of the first, all on the whole training set); here all share the steps that are left, each
  by the paths that fall to it.
- Published are splits on one edge of NAS-Bench-201 (five supernets; released: the first edge) and on several; here it
  is one choice.
- Paths that do not take the choice, which there are where a node keeps some of its edges, go on with the first
  supernet.
- Memory is that of K + 1 supernets; a step costs what it costs in one, except that paths of a step share no stem.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.networks.base import Mixture, Network, Output
from supernas.spaces.base import Space

__all__ = ["FewShotNetwork"]


class FewShotNetwork(Network):
    """One supernet before the split, and one for each option of a choice after it.

    Args:
        space: the search space.
        few_shot: number of the choice.
        few_shot_at: part of the search after which it is split.
        pairs: the (choice, option) pairs to hold; all by default.
        settings: as of the space's own network class.

    Raises:
        UserError: if there is no such choice.
    """

    divided: Tensor

    def __init__(
        self,
        space: Space,
        *,
        few_shot: int,
        few_shot_at: float,
        pairs: tuple[Pair, ...] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        if few_shot >= len(space.choices):
            raise UserError(
                f"supernet.few_shot = {few_shot}: the space {space.name} has {len(space.choices)} choices; wanted a "
                f"number from 0 to {len(space.choices) - 1}"
            )
        make = space.network_class
        self.space, self.pairs = space, pairs or space.pairs
        self.choice, self.at = few_shot, few_shot_at
        self.one_shot_network = make(space, pairs=self.pairs, **settings)
        held = [option for choice, option in self.pairs if choice == few_shot]
        self.parts = nn.ModuleDict({str(option): make(space, pairs=self._part(option), **settings) for option in held})
        self.register_buffer("divided", torch.tensor(0))
        self.is_divided = False  # the same on the host, which decides by it
        self.register_load_state_dict_post_hook(_remember)

    @property
    def channels_last(self) -> bool:  # type: ignore[override]
        """As the space's own networks."""
        return bool(self.one_shot.channels_last)

    @property
    def one_shot(self) -> Network:
        """The supernet before the split."""
        network: Network = self.one_shot_network
        return network

    def advance(self, progress: Progress) -> None:
        """Splits when it is time: each part begins with the weights of the one."""
        self.one_shot.advance(progress)
        if self.is_divided or progress.fraction < self.at:
            return
        weights = self.one_shot.state_dict()
        for part in self.parts.values():
            part.load_state_dict({name: weights[name] for name in part.state_dict()})
        self.divided.fill_(1)
        self.is_divided = True

    def embed(self, x: Tensor) -> Tensor:
        """The inputs: each part has a stem of its own."""
        return x

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """What the supernet of the path's part gives for a batch of inputs.

        Raises:
            UserError: for a mixture, which lies in no part.
        """
        if mixture.W is not None or mixture.active is None:
            raise UserError("a few-shot supernet runs single paths; leave supernet.few_shot out")
        output: Output = self.of(mixture.active)(x, active=mixture.active, carry=carry)
        return output

    def of(self, pairs: tuple[Pair, ...]) -> Network:
        """The supernet that runs a path now."""
        option = next((str(option) for choice, option in pairs if choice == self.choice), "")
        found: Any = self.parts[option] if self.is_divided and option in self.parts else self.one_shot
        network: Network = found
        return network

    def reads_input(self, architecture: Architecture, inputs: Tensor) -> bool:
        """As the supernet of its part."""
        return self.of(architecture.pairs).reads_input(architecture, inputs)

    def option_modules(self) -> Iterator[tuple[Pair, nn.Module]]:
        """Those of all supernets."""
        networks: list[Any] = [self.one_shot, *self.parts.values()]
        for network in networks:
            yield from network.option_modules()

    def _part(self, option: int) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair[0] != self.choice or pair[1] == option)


def _remember(network: nn.Module, _: Any) -> None:
    """Knows on the host whether weights that were loaded are those after the split."""
    assert isinstance(network, FewShotNetwork)
    network.is_divided = bool(network.divided)
