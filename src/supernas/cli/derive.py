"""`supernas derive`: another final choice from a finished search."""

from supernas import api
from supernas.cli.display import counting_bar
from supernas.cli.rows import print_rows
from supernas.cli.twin import twin
from supernas.core.documents import Document

__all__ = ["derive"]


@twin(api.derive)
def derive(given: Document) -> None:
    """Choose another architecture from a search's supernet: no new search; killed, it goes on where it was."""
    if given["workers"] is None:
        given["workers"] = "auto"
    with counting_bar() as bar:
        task = bar.add_task("evaluations", total=None)
        derived = api.derive(
            **given,
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
