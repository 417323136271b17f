"""`supernas retrain`: the architectures that a search followed, each trained from scratch."""

from pathlib import Path

from supernas import api
from supernas.cli.rows import out
from supernas.cli.twin import twin
from supernas.core.documents import Document

__all__ = ["retrain"]


@twin(api.retrain)
def retrain(given: Document) -> None:
    """Train what a search followed (--track K) on its halves of the images, and draw it beside the supernet's curves.

    What is not given is as in the search; the same command goes on where it was.
    """
    results = api.retrain(**given, on_training=lambda run: out.print(f"training {run.config.text}", markup=False))
    for number, result in enumerate(results, start=1):
        metric = result.task.text(result.record[f"valid_{result.task.quantity}"])
        out.print(f"A{number}  {metric} on the validation part  {result.text}", markup=False)
    out.print(str(Path(given["run_dir"]) / "tracked.svg"), markup=False)
