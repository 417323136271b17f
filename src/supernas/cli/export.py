"""`supernas export`: a trained network for use without supernas."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.api import export as write
from supernas.cli.rows import print_rows
from supernas.output.export import HELPER

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(help="the run folder of a finished training, or the weights in it")],
    format: Annotated[str, typer.Option(help="pytorch (readable source), pt2 or onnx")] = "pytorch",
    out: Annotated[
        Path | None, typer.Option(help="a new or empty folder (default: export-<format> in the run folder)")
    ] = None,
) -> None:
    """Write a trained network for use without supernas, and check in a process of its own that it computes the same."""
    made = write(run, format=format, out=out)
    record, helper = made.record, next((file for file in made.files if file.name == HELPER), None)
    print_rows(
        {
            "architecture": record["architecture"],
            "files": ", ".join(map(str, made.files)),
            "compared": f"logits on {record['compared_on']}, in a process without supernas",
            "difference": f"{record['difference']:.1e} at most, of logits up to {record['largest_logit']:.3g}",
            **(
                {"try it": f"python {helper} {'photo.jpg' if record['preparation'] else 'some words'}"}
                if helper
                else {}
            ),
        }
    )
