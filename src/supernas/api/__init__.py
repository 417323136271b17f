"""The Python front door: one call a job, with the names of the command line.

Each function says once, in its signature, what it takes, of which type, what that means and what it is by default; the
commands of the command line are made from the same signatures (`supernas.cli.twin`).
"""

from supernas.api.asking import correlate, derive, retrain
from supernas.api.scoring import score
from supernas.api.searching import Search, search
from supernas.api.studying import study
from supernas.api.training import Training, train
from supernas.output.citations import cite
from supernas.output.export import export
from supernas.output.report import report

__all__ = [
    "Search",
    "Training",
    "cite",
    "correlate",
    "derive",
    "export",
    "report",
    "retrain",
    "score",
    "search",
    "study",
    "train",
]
