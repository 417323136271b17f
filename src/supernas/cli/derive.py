"""`supernas derive`: another final choice from a finished search."""

import os
from pathlib import Path
from typing import Annotated

import typer

from supernas.cli.display import counting_bar
from supernas.cli.rows import print_rows
from supernas.core.documents import Document
from supernas.runs.configuration import assign

__all__ = ["derive"]

_OWN = "derive."


def derive(
    run_dir: Annotated[Path, typer.Argument(help="the run folder of a finished search")],
    by: Annotated[str, typer.Option(help="best-sampled, darts-pt, evolution, proxy, ranks or top-k")],
    candidates: Annotated[
        int | None, typer.Option(help="architectures drawn (default 100), or visited by evolution (default 200)")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(help="best-sampled, ranks, top-k: uniform draws, or visited; proxy: learnt, or visited"),
    ] = None,
    population: Annotated[int | None, typer.Option(help="evolution: architectures alive (default 10)")] = None,
    sample: Annotated[int | None, typer.Option(help="evolution: draws for a parent (default 10)")] = None,
    draws: Annotated[
        int | None, typer.Option(help="proxy: architectures drawn from what was learnt (default 100)")
    ] = None,
    proxy: Annotated[str | None, typer.Option(help="proxy, ranks: what scores them (default synflow)")] = None,
    top: Annotated[int | None, typer.Option(help="top-k: so many are trained (default 8)")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="top-k: of the first trainings, which double as the number halves (default 2)")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="top-k: trainings start from fresh or inherited weights (default fresh)")
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="any option of a selector, as derive.name=value; top-k: section.name=value of the trainings; proxy, "
            "ranks: network.name=value of what is scored, or its-name.name=value of the proxy",
        ),
    ] = None,
    images: Annotated[
        int | None, typer.Option(help="validation images on which each is judged (default: as in the search)")
    ] = None,
    batch_norm: Annotated[str, typer.Option(help="statistics that normalise: batch, recalibrate or tracked")] = "batch",
    seed: Annotated[int | None, typer.Option(min=0, help="of draws and trainings (default: the search's)")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes (default: one a core)")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
) -> None:
    """Choose another architecture from a search's supernet: no new search; killed, it goes on where it was."""
    # studies are heavy, and the command line's help must not wait for them
    from supernas.evaluation.selection import selectors
    from supernas.evaluation.selection.derive import derive as choose

    if workers is None and selectors.get(by).asks_many:
        workers = os.cpu_count()
    own = [text for text in set or () if text.lstrip().startswith(_OWN)]
    others = tuple(text for text in set or () if text not in own)
    options: Document = {"draws": draws, "proxy": proxy, "top": top, "epochs": epochs}
    options |= {"population": population, "sample": sample, "candidates": candidates, "source": source}
    options |= {"weights": weights, "set": others or None, **_assigned(own)}
    with counting_bar() as bar:
        task = bar.add_task("evaluations", total=None)
        derived = choose(
            run_dir,
            by,
            **options,
            images=images,
            batch_norm=batch_norm,
            seed=seed,
            workers=workers,
            device=device,
            on_progress=lambda done, of: bar.update(task, completed=done, total=of),
            on_training=lambda run: bar.console.print(
                f"training for {run.epochs} epochs: {run.config.text}", markup=False, soft_wrap=True
            ),
        )
    print_rows(
        {
            "architecture": derived.text,
            "score": f"{derived.score:.2f} ({derived.record['score_is']})",
            "seconds": f"{derived.record['seconds']:.0f}",
            "record": str(derived.file),
            "picture": str(derived.file.with_suffix(".svg")),
        }
    )


def _assigned(assignments: list[str]) -> Document:
    """The options of `derive.name=value`."""
    document: Document = {}
    for assignment in assignments:
        assign(document, assignment)
    own: Document = document.get("derive", {})
    return own
