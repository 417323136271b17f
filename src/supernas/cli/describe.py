"""`supernas describe`: every setting of a part or of a section of the configuration."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table

from supernas import methods, proxies, spaces
from supernas.cli.console import Console
from supernas.cli.options import SpaceOption
from supernas.cli.rows import out
from supernas.core.errors import unknown
from supernas.core.settings import describe as describe_settings
from supernas.data import kinds
from supernas.networks.costs.budget import BudgetSettings
from supernas.runs import diagnostics, stopping
from supernas.runs.averaging import TrainingWeightsSettings
from supernas.runs.configuration import DEFAULT_SPACE, SearchSettings, TrainSettings
from supernas.spaces.base import Space
from supernas.steps import objectives

__all__ = ["describe"]


SECTIONS: dict[str, Callable[[Space], type]] = {
    "supernet": lambda space: space.network_class.supernet_settings,
    "network": lambda space: space.network_class.network_settings,
    "weights": lambda space: TrainingWeightsSettings,
    "data": lambda space: kinds.get(space.data_kind),
    "search": lambda space: SearchSettings,
    "budget": lambda space: BudgetSettings,
    "train": lambda space: TrainSettings,
}
PARTS: dict[str, Callable[[str], type]] = {
    "method": methods.get,
    "objective": objectives.get,
    "stopping": stopping.get,
    "watch": diagnostics.get,
    "proxy": proxies.get,
    "space": spaces.settings_class,
}


def describe(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(PARTS)} or section")],
    name: Annotated[str, typer.Argument(help=f"its name, such as e2nas; a section: {', '.join(SECTIONS)}")],
    space: SpaceOption = None,
) -> None:
    """Every setting: type, default, range, meaning, equation. Sections supernet, network, data depend on the space."""
    table = Table("setting", "type", "default", "range", "meaning", "equation", box=None, pad_edge=False)
    for described in describe_settings(_settings_class(kind, name, space or DEFAULT_SPACE)):
        table.add_row(
            described.name,
            described.type,
            str(described.default),
            described.range,
            described.meaning,
            described.equation,
        )
    Console(width=max(out.width, 140), highlight=False).print(table)


def _settings_class(kind: str, name: str, space: str) -> type:
    if kind in PARTS:
        return PARTS[kind](name)
    if kind != "section":
        raise unknown("kind", kind, [*PARTS, "section"])
    if name not in SECTIONS:
        raise unknown("section", name, SECTIONS)
    return SECTIONS[name](spaces.get(space))
