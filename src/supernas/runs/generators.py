"""The global generators of random numbers: seeded at first, saved and restored with a checkpoint."""

import random
from typing import Any, cast

import numpy as np
import torch

from supernas.core.documents import Document

__all__ = ["generator_states", "restore_generators", "seed_everything"]


def seed_everything(seed: int) -> None:
    """Seeds the global generators (initial weights, dropout, and what libraries draw)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from it
    torch.manual_seed(seed)


def generator_states() -> Document:
    """Where the global generators stand, as tensors, numbers and strings."""
    name, keys, *place = cast(tuple[Any, ...], np.random.get_state())  # noqa: NPY002
    return {
        "python": list(random.getstate()[1]),
        "numpy": [name, keys.tolist(), *place],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": [torch.mps.get_rng_state()] if torch.backends.mps.is_available() else [],
    }


def restore_generators(states: Document) -> None:
    """Puts the global generators where `generator_states` found them."""
    random.setstate((3, tuple(states["python"]), None))
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])
    if torch.backends.mps.is_available() and states["mps"]:
        torch.mps.set_rng_state(states["mps"][0])
