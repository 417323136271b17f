"""A made-up table of true accuracies on the disk."""

import pytest

from supernas.benchmarks import made_up_table
from supernas.benchmarks.collect import Collector


@pytest.fixture(scope="session")
def table_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "made-up.safetensors"
    made_up = made_up_table(trainings=1)
    with Collector("nas-bench-201", path, curves=False) as collector:
        for column in made_up.columns:
            for index, accuracy in enumerate(made_up.column(**vars(column))):
                collector.accuracy(index, column, "mean", accuracy)
        collector.write(made_up.source)
    return path
