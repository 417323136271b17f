"""`supernas show`: an architecture, its cost and its names."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.cli.architecture import read_architecture
from supernas.cli.options import SpaceOption
from supernas.cli.rows import out, print_rows
from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.data import kinds
from supernas.networks.costs.cost import cost
from supernas.runs.cell_picture import cell_svg
from supernas.runs.configuration import DEFAULT_SPACE, read_space

__all__ = ["show"]


def show(
    architecture: Annotated[str, typer.Argument(help="an architecture as text, or a run folder")],
    space: SpaceOption = None,
    svg: Annotated[Path | None, typer.Option(help="write the cell as a picture")] = None,
    classes: Annotated[
        int | None, typer.Option(min=2, help="classes of the network whose cost is shown, or words that it knows")
    ] = None,
    resolution: Annotated[int | None, typer.Option(min=8, help="side of its images (default 32)")] = None,
) -> None:
    """The cell as text and picture, its cost at the published size, its index and canonical form."""
    text, space_document, _ = read_architecture(architecture, space)
    where = read_space(space_document or DEFAULT_SPACE)
    shown = where.parse(text)
    size = kinds.get(where.data_kind).usual_shape(classes, resolution)
    spent = cost(where.build(shown, **size.network), size.input_shape, dtype=size.input_type)
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
            "parameters": f"{spent.parameters:,} (published size, {size.classes})",
            "multiply-adds": f"{spent.multiply_adds:,} ({size.example}; {spent.convention})",
        }
    )
    if svg:
        _write_text(svg, cell_svg(where, shown))


def _write_text(path: Path, text: str) -> None:
    try:
        write_atomically(path, lambda file: file.write(text.encode()))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
