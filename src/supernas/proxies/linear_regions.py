"""Linear regions: into how many pieces a network cuts its inputs, on each of which it is linear.

W. Chen, X. Gong and Z. Wang, "Neural Architecture Search on ImageNet in Four GPU Hours: A Theoretically Inspired
Perspective" (TE-NAS), ICLR 2021 (section 3.1.2): the number of different activation patterns of the rectified linear
units over random inputs. In a network of ordinary size every input has a pattern of its own; so, as in the released
code for NAS-Bench-201, the patterns are counted in a network of one channel and as few cells as can be, on grey images
of 3x3 pixels of normal noise. DARTS cells cut even these so finely that each has its own pattern: there the score says
nothing unless the inputs lie on a line or a plane (`dimensions`; sections of that kind are from B. Hanin and D.
Rolnick, "Complexity of Linear Regions in Deep Networks", ICML 2019). A count is always defined.
"""

from typing import Any

import torch
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies._relus import ReLUs
from supernas.proxies.base import Loss, Proxy

__all__ = ["LinearRegions"]


@settings
class LinearRegions(Proxy):
    """Activation patterns of a small network over random inputs."""

    needs = "shape"
    live_only = False  # units that lead nowhere count
    reference = "Chen, Gong and Wang, ICLR 2021"

    inputs: int = setting(1000, "random images", ge=2)
    side: int = setting(3, "height and width of an image", ge=3)
    dimensions: int | None = setting(None, "of the random subspace that the images lie in; None: all of them", ge=1)
    channels: int = setting(1, "channels C of the small network", ge=1)
    repeats: int = setting(3, "draws of weights and images, whose counts are averaged", ge=1)

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> float:
        """The mean count."""
        device = batch.inputs.device
        size = {"in_channels": 1, "channels": self.channels, "cells": _fewest_cells(network)}
        counts = []
        for _ in range(self.repeats):
            small = network.network.space.standalone(network.architecture, **size).to(device).train()
            with torch.no_grad(), ReLUs() as relus:
                small(self._noise(generator).to(device))
            units = torch.cat([on for on, _ in relus.patterns()], dim=1)
            counts.append(len(torch.unique(units, dim=0)))
        return sum(counts) / len(counts)

    def _noise(self, generator: torch.Generator) -> Tensor:
        """Images [inputs, 1, side, side]."""
        pixels = self.side**2
        if self.dimensions is None:
            drawn = torch.randn(self.inputs, pixels, generator=generator)
        else:
            directions = torch.randn(self.dimensions, pixels, generator=generator)
            drawn = torch.randn(self.inputs, self.dimensions, generator=generator) @ directions
        return drawn.view(self.inputs, 1, self.side, self.side)


def _fewest_cells(network: Standalone) -> int:
    """The least value of the setting `cells`."""
    fields: Any = network.network.network_settings.__pydantic_fields__  # type: ignore[attr-defined]
    if not {"channels", "cells"} <= set(fields):
        raise UserError(
            "linear-regions makes a network of one channel, and this space's has no width; take another proxy"
        )
    field = fields["cells"]
    return next(int(rule.ge) for rule in field.metadata if hasattr(rule, "ge"))
