"""`supernas cite`: whom to cite for a run."""

from supernas import api
from supernas.cli.twin import twin
from supernas.core.documents import Document

__all__ = ["cite"]


@twin(api.cite)
def cite(given: Document) -> None:
    """Print the BibTeX of every paper whose part took part in runs: methods, objectives, spaces, proxies, plug-ins."""
    print(api.cite(*given["runs"]))
