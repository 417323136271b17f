"""`supernas show`: an architecture, its cost and its names."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.api.architectures import read_architecture
from supernas.cli.options import SpaceOption
from supernas.cli.rows import out, print_rows
from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.registry import recorded
from supernas.data import kinds
from supernas.data.kinds import DataShape
from supernas.networks.costs.cost import cost
from supernas.runs.cell_picture import cell_svg
from supernas.runs.configuration import DEFAULT_SPACE, read_space
from supernas.spaces.base import Space

__all__ = ["show"]

_SIZES = ("channels", "cells", "stem", "units")  # what makes a network large


def show(
    architecture: Annotated[str, typer.Argument(help="an architecture as text, or a run folder")],
    space: SpaceOption = None,
    svg: Annotated[Path | None, typer.Option(help="write the cell as a picture")] = None,
    classes: Annotated[
        int | None,
        typer.Option(min=2, max=1_000_000, help="classes of the network whose cost is shown, or words that it knows"),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(min=4, max=2048, help="side of its images (default: as published with these classes, or 32)"),
    ] = None,
) -> None:
    """The cell as text and picture, its cost (at a published size, if that is of these data), its index and canonical
    form.
    """
    text, space_document, defaults = read_architecture(architecture, space)
    with recorded(defaults.get("plugins", {})):
        where = read_space(space_document or DEFAULT_SPACE)
    shown = where.parse(text)
    size, settings, label = _sized(where, classes, resolution)
    spent = cost(where.build(shown, **size.network, **settings), size.input_shape, dtype=size.input_type)
    live = set(where.live(shown))
    for choice, option in shown.pairs:
        name = where.choices[choice].options[option]
        dead = "" if (choice, option) in live or name == "none" else "   (dead: cannot reach the output)"
        out.print(f"  {where.choices[choice].name:<8} {name}{dead}", markup=False)
    print_rows(
        {
            "architecture": where.format(shown),
            **({"index": str(where.index(shown))} if where.enumerable else {}),
            "canonical": where.canonical(shown),
            **({} if where.connected(shown) else {"path": "none from input to output: all inputs have one answer"}),
            "parameters": f"{spent.parameters:,} ({label}, {size.classes})",
            "multiply-adds": f"{spent.multiply_adds:,} ({size.example}; {spent.convention})",
        }
    )
    if svg:
        _write_text(svg, cell_svg(where, shown))


def _sized(space: Space, classes: int | None, resolution: int | None) -> tuple[DataShape, Values, str]:
    """(data of that size, settings of the network, what that size is): as published, where figures are of such data."""
    kind, usual = space.network_class, kinds.get(space.data_kind)
    shape = usual.usual_shape(classes, resolution)
    for published in kind.published:
        if shape.network["num_classes"] == published.classes and resolution in (None, published.resolution):
            shape = usual.usual_shape(published.classes, published.resolution)
            return shape, published.settings, f"published size on {published.dataset}"
    size = kind.network_settings()
    if reason := kind.misfit(shape.input_shape, size):
        raise UserError(f"--resolution {resolution}: {space.name} {reason}")
    named = (f"{name}={value}" for name, value in vars(size).items() if name in _SIZES)
    return shape, {}, f"{', '.join(named)}: no published size"


def _write_text(path: Path, text: str) -> None:
    try:
        write_atomically(path, lambda file: file.write(text.encode()))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
