"""Grids of settings: the combinations of lists, and short names that tell them apart.

A grid is a table from settings to lists of values, in TOML

    [grid]
    method = ["random-nas", "e2nas"]
    "objective.epsilon" = [0.2, 0.5]

and each combination is a nested document of a search, named by what varies: `random-nas, epsilon=0.2`.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from supernas.core.documents import Document, Values, flattened
from supernas.core.errors import UserError
from supernas.runs.configuration import merge

__all__ = [
    "Combination",
    "combinations",
    "count_combinations",
    "grid_values",
    "label",
    "nested",
    "varying",
]

Combination = Document
"""Dotted setting -> value."""


def nested(values: Combination) -> Document:
    """The document of dotted settings.

    >>> nested({"objective": "complementation", "objective.epsilon": 0.2})
    {'objective': {'name': 'complementation', 'epsilon': 0.2}}
    """
    made: Document = {}
    for name, value in values.items():
        for part in reversed(name.split(".")):
            value = {part: value}
        made = merge(made, value)
    return made


def grid_values(grid: Any) -> dict[str, list[Any]]:
    """Dotted setting -> its values, of a grid as read from a file.

    Raises:
        UserError: if it is no table of lists, or a list is empty or says a value twice.
    """
    if not isinstance(grid, Mapping):
        raise UserError(f'grid = {grid!r}: wanted lists of values, as in method = ["random-nas", "e2nas"]')
    several = dict(flattened(grid))
    for name, values in several.items():
        if not isinstance(values, list) or not values:
            raise UserError(f"grid: {name} = {values!r}: wanted a list of values, as in [{values!r}]")
        value, times = Counter(json.dumps(value, default=str) for value in values).most_common(1)[0]
        if times > 1:
            raise UserError(f"grid: {name} has {value} twice; give each value once")
    return several


def count_combinations(values: Mapping[str, Sequence[Any]]) -> int:
    """How many `combinations` there are; none is made."""
    return math.prod(map(len, values.values())) if values else 0


def combinations(values: Mapping[str, Sequence[Any]]) -> list[Combination]:
    """Every combination, the last setting fastest; none of an empty grid."""
    if not values:
        return []
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def varying(values: Mapping[str, Sequence[Any]]) -> list[str]:
    """The settings of which a grid has more than one value; all of them if there is none."""
    return [name for name, several in values.items() if len(several) > 1] or list(values)


def label(values: Values, names: Sequence[str]) -> str:
    """A short text of the settings `names`: parts by their names alone, others by the last word that tells them apart.

    >>> label({"method": "e2nas", "objective.epsilon": 0.2, "search.epochs": 3}, ["method", "objective.epsilon"])
    'e2nas, epsilon=0.2'
    """
    return ", ".join(_named(name, values[name], names) for name in names)


def _named(name: str, value: Any, names: Sequence[str]) -> str:
    if isinstance(value, Mapping):  # a part with its settings
        inner = dict(flattened(value))
        first = [str(inner.pop("name"))] if "name" in inner else []
        return " ".join([*first, *(f"{option}={_shown(setting)}" for option, setting in inner.items())]) or name
    if "." not in name or name.endswith(".name"):
        return _shown(value)
    last = name.rpartition(".")[2]
    unique = sum(other.rpartition(".")[2] == last for other in names) == 1
    return f"{last if unique else name}={_shown(value)}"


def _shown(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else json.dumps(value, default=str)
