"""What a space contributes to the presets."""

from collections.abc import Mapping
from typing import ClassVar

from supernas.core.documents import Values
from supernas.steps.contracts import Recipe

__all__ = ["Presets"]


class Presets:
    """Named sizes of a run in one space: what it costs, not what it computes.

    `demo`: a whole search and the training of what it found in about a minute on two cores. `cpu`: 16x16 images;
    minutes. `paper`: the published settings, meant for a GPU. Anything here is a default that `--set` overrides.

    Attributes:
        meanings: one line about each.
        search: name -> document of a search, the method apart.
        mixtures: name -> what of it differs for methods that train no single paths.
        train: name -> document of a training from scratch: the space's recipe.
        alternation: how published code alternates weights and architecture in this space, at every size.
    """

    meanings: ClassVar[Mapping[str, str]]
    search: ClassVar[Mapping[str, Values]]
    mixtures: ClassVar[Mapping[str, Values]] = {}
    train: ClassVar[Mapping[str, Values]]
    alternation: ClassVar[Recipe] = Recipe()
