"""Named sizes of a run: what it costs, not what it computes.

`demo`: a whole search and the training of what it found in about a minute on two cores. `cpu`: 16x16 images, one cell a
stage; minutes. `paper`: the published settings, meant for a GPU. Anything here is a default that `--set` overrides.
"""

from typing import Any

__all__ = ["MEANINGS", "SEARCH", "TRAIN"]

MEANINGS = {
    "demo": "a small network on small images: search and training in about a minute on two cores",
    "cpu": "20,000 images of 16x16, C=16, N=1, batch 64, 40 epochs: minutes on two cores",
    "paper": "the published settings (C=16, N=5, batch 64, 250 epochs): meant for a GPU",
}

SEARCH: dict[str, dict[str, Any]] = {
    "demo": {
        "supernet": {"channels": 8, "cells": 1},
        "search": {"epochs": 40, "batch_size": 64, "validation_images": 512},
    },
    "cpu": {
        "supernet": {"channels": 16, "cells": 1},
        "data": {"resolution": 16, "train_size": 20000},
        "search": {"epochs": 40, "batch_size": 64, "validation_images": 1000},
    },
    "paper": {
        "supernet": {"channels": 16, "cells": 5},
        "search": {"epochs": 250, "batch_size": 64, "validation_images": 1000},
    },
}

_PAPER_WEIGHTS = {"lr": 0.1, "lr_min": 0.0, "weight_decay": 5e-4, "clip": 0.0, "schedule": "epoch"}

TRAIN: dict[str, dict[str, Any]] = {
    "demo": {
        "network": {"channels": 8, "cells": 1},
        "weights": {**_PAPER_WEIGHTS, "schedule": "step"},
        "train": {"epochs": 10, "batch_size": 64},
    },
    "cpu": {
        "network": {"channels": 16, "cells": 1},
        "data": {"resolution": 16, "train_size": 20000},
        "weights": {**_PAPER_WEIGHTS, "schedule": "step"},
        "train": {"epochs": 20, "batch_size": 128},
    },
    "paper": {
        "network": {"channels": 16, "cells": 5},
        "weights": _PAPER_WEIGHTS,
        "train": {"epochs": 200, "batch_size": 256},
    },
}
