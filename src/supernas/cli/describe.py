"""`supernas describe`: every setting of a part or of a section of the configuration."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.table import Table

from supernas import spaces
from supernas.cli.console import Console
from supernas.cli.options import SpaceOption
from supernas.cli.parts import KINDS
from supernas.cli.rows import out
from supernas.core.errors import unknown
from supernas.core.settings import describe as describe_settings
from supernas.data import kinds
from supernas.networks.costs.budget import BudgetSettings
from supernas.runs.averaging import TrainingWeightsSettings
from supernas.runs.configuration import DEFAULT_SPACE, SearchSettings, TrainSettings
from supernas.spaces.base import Space

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


def describe(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS)} or section")],
    name: Annotated[str, typer.Argument(help=f"its name, such as e2nas; a section: {', '.join(SECTIONS)}")],
    space: SpaceOption = None,
) -> None:
    """Every setting: type, default, range, meaning, equation. Sections supernet, network, data depend on the space."""
    cls = _settings_class(kind, name, space or DEFAULT_SPACE)
    plug_in = KINDS[kind]().offered(name) if kind in KINDS else None
    if plug_in:
        out.print(f"{name} is of the package {plug_in}", markup=False)
    table = Table("setting", "type", "default", "range", "meaning", "equation", box=None, pad_edge=False)
    for described in describe_settings(cls):
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
    if kind in KINDS:
        found: type = KINDS[kind]().get(name)
        return found
    if kind != "section":
        raise unknown("kind", kind, [*KINDS, "section"])
    if name not in SECTIONS:
        raise unknown("section", name, SECTIONS)
    return SECTIONS[name](spaces.get(space))
