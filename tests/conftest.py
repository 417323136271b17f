"""What the tests share: one thread, seeded global generators, toy networks and batches, optional data."""

import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

SHAPED = [f"supernas.{room}" for room in ("autoencoder", "densities", "novelty", "data")]
with install_import_hook(SHAPED, "beartype.beartype"):  # checks shapes and types where tensors enter
    import supernas.autoencoder
    import supernas.data
    import supernas.novelty

settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("quick")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


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
