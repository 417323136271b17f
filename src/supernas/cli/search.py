"""`supernas search`: an architecture, from a supernet that is trained on the way."""

from supernas.api import Search
from supernas.cli.rows import print_rows
from supernas.cli.running import run_displayed
from supernas.cli.twin import twin
from supernas.core.documents import Document
from supernas.steps.contracts import Method

__all__ = ["search"]


@twin(Search)
def search(given: Document) -> None:
    """Search for an architecture; leaves it, the supernet's weights, a picture and a record in the run folder."""
    run = Search(**given)
    result = run_displayed(run, given["resume"])
    record, task = result.record, run.task
    valid = task.text(record[f"valid_{task.quantity}"])
    found = record.get("instead_of")
    method = run.config.method
    judged = "supernet" if method.shares_weights else "validation"
    print_rows(
        {
            "architecture": result.text,
            **({"instead of": f"{found}, which has no path from input to output"} if found else {}),
            **({"trainings": f"{record['trainings']:,}"} if "trainings" in record else {}),
            f"{judged} {task.quantity}": f"{valid} ({_weights(method)} weights, validation {run.data.examples})",
            "parameters": f"{record['parameters']:,}",
            "multiply-adds": f"{record['flops']:,}",
            "run folder": str(result.folder),
        }
    )


def _weights(method: Method) -> str:
    """What the weights are with which the answer was judged."""
    if not method.trains_weights:
        return "untrained"
    return "inherited" if method.shares_weights else "its own"
