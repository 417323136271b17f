"""`supernas report`: a page about a run or a study, or about several."""

from supernas import api
from supernas.cli import rows
from supernas.cli.twin import twin
from supernas.core.documents import Document

__all__ = ["report"]


@twin(api.report)
def report(given: Document) -> None:
    """Write one HTML page that needs nothing else: what was found, how it went, what it cost, and how to repeat it. Of
    several runs: how they rank, what none beats in value and cost, and how they come along in time.
    """
    rows.out.print(str(api.report(*given.pop("runs"), **given)))
