"""`supernas export`: a trained network for use without supernas."""

from supernas import api
from supernas.cli.rows import print_rows
from supernas.cli.twin import twin
from supernas.core.documents import Document
from supernas.output.export import HELPER

__all__ = ["export"]


@twin(api.export)
def export(given: Document) -> None:
    """Write a trained network for use without supernas, and check in a process of its own that it computes the same."""
    made = api.export(**given)
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
