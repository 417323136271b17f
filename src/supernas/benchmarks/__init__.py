"""Ground truth: tables of published accuracies, what reads them in, and searches on a table alone.

No search method may see this package: benchmarks are asked by listeners, for the record.
"""

from supernas.benchmarks.baselines import random_search, regularised_evolution, run_baseline
from supernas.benchmarks.columns import Address, Column, Value
from supernas.benchmarks.fetch import fetch
from supernas.benchmarks.importers import import_table
from supernas.benchmarks.made_up import made_up_table
from supernas.benchmarks.noise import Noise
from supernas.benchmarks.table import Source, Table, load
from supernas.benchmarks.truth import final_tests, named_columns, truths

__all__ = [
    "Address",
    "Column",
    "Noise",
    "Source",
    "Table",
    "Value",
    "fetch",
    "final_tests",
    "import_table",
    "load",
    "made_up_table",
    "named_columns",
    "random_search",
    "regularised_evolution",
    "run_baseline",
    "truths",
]
