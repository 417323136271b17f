"""What the tests share: one thread, seeded global generators, toy networks and batches, optional data."""

import os
import signal
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

SHAPED = ["supernas.data"] + [f"supernas.methods.e2nas.{part}" for part in ("autoencoder", "densities", "novelty")]
with install_import_hook(SHAPED, "beartype.beartype"):  # checks shapes and types where tensors enter
    import supernas.api
    import supernas.data
    import supernas.methods.e2nas.novelty
    from supernas.benchmarks import made_up_table
    from supernas.benchmarks.collect import Collector
    from supernas.core.task import CLASSIFICATION
    from supernas.runs import presets
    from supernas.steps.contracts import SearchContext
    from supernas.steps.objectives.plain import Plain
    from supernas.steps.optimisers import SGDSettings

settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("quick")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _interruptible():
    """Who runs the tests in the background may have them ignore ^C, which some of them send."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def data_root():
    """The folder with optional data: `$SUPERNAS_DATA`, by default beside the repository."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    root = Path(os.environ.get("SUPERNAS_DATA") or default)
    if not root.is_dir():
        pytest.skip(f"no optional data at {root} (set SUPERNAS_DATA)")
    return root


@pytest.fixture(scope="session")
def space():
    return supernas.spaces.get("nas-bench-201")


@pytest.fixture
def toy_network(space):
    """A tiny supernet of NAS-Bench-201 in float64, 2 classes, 1 channel in."""

    def make(**settings):
        settings = {"channels": 2, "cells": 1, "num_classes": 3, "in_channels": 1, **settings}
        return space.supernet(**settings).double()

    return make


@pytest.fixture
def toy_batch():
    """Random images and labels of 3 classes, float64."""

    def make(seed=0, size=6, side=8):
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(size, 1, side, side, generator=generator, dtype=torch.float64)
        return supernas.data.Batch(inputs, torch.randint(3, (size,), generator=generator))

    return make


@pytest.fixture
def start(toy_network, space):
    """The state of a search of 100 steps that has just begun, in double precision."""

    def make(method, seed=0, **settings):
        torch.manual_seed(seed)
        stage = method.stages()[0].supernet
        size = {"channels": max(2, stage.get("partial", 1)), **stage, **settings}
        network = toy_network(**size)
        problem = SearchContext(
            network,
            space,
            CLASSIFICATION,
            Plain(),
            SGDSettings(),
            100,
            seed,
            recipe=presets.get(space.family).alternation,
            data_shape={"num_classes": 3, "in_channels": 1},
            make_supernet=lambda: toy_network(**size),
        )
        with torch.random.fork_rng():
            torch.set_default_dtype(torch.float64)
            try:
                return method.init(problem)
            finally:
                torch.set_default_dtype(torch.float32)

    return make


@pytest.fixture(scope="session")
def table_file(tmp_path_factory):
    """A made-up table of true accuracies on the disk."""
    path = tmp_path_factory.mktemp("table") / "made-up.safetensors"
    made_up = made_up_table(trainings=1)
    with Collector("nas-bench-201", path, curves=False) as collector:
        for column in made_up.columns:
            for index, accuracy in enumerate(made_up.column(**vars(column))):
                collector.accuracy(index, column, "mean", accuracy)
        collector.write(made_up.source)
    return path
