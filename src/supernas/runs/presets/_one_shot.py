"""Presets of the three spaces of NAS-Bench-1Shot1.

Search: A. Zela, J. Siems and F. Hutter, ICLR 2020: batch 96, 50 epochs, halves of the training images, SGD from 0.025
to 0.001 with weight decay 3e-4. Training: NAS-Bench-101 (C. Ying et al., ICML 2019): C=128, channels divided, batch
256, 108 epochs, a cosine to 0 that moves every step. It takes RMSProp, with an epsilon of 1 that makes it nearly SGD
with momentum at a rate of 0.14; here it is that.
"""

from typing import ClassVar

from supernas.runs.presets.base import Presets

__all__ = ["OneShotPresets"]

_SEARCH_WEIGHTS = {"weight_decay": 3e-4, "nesterov": False}
_TRAIN_WEIGHTS = {"lr": 0.14, "lr_min": 0.0, "weight_decay": 1e-4, "clip": 0.0, "nesterov": False}


class OneShotPresets(Presets):
    """Sizes of the published skeleton."""

    meanings: ClassVar = {
        "demo": "a small network on small images: search and training in about a minute on two cores",
        "cpu": "20,000 images of 16x16, C=16, N=1, batch 64, 22 epochs (mixtures: 10): minutes on two cores",
        "paper": "search: C=16, N=3, batch 96, 50 epochs; training: C=128, N=3, batch 256, 108 epochs: for a GPU",
    }
    search: ClassVar = {
        "demo": {
            "supernet": {"channels": 8, "cells": 1},
            "search": {"epochs": 40, "batch_size": 64, "validation_images": 512},
        },
        "cpu": {
            "supernet": {"channels": 16, "cells": 1},
            "data": {"resolution": 16, "train_size": 20000},
            "weights": {"lr": 0.1},
            "search": {"epochs": 22, "batch_size": 64, "validation_images": 1000, "split": 0.9, "paths": "auto"},
        },
        "paper": {
            "supernet": {"channels": 16, "cells": 3},
            "weights": {**_SEARCH_WEIGHTS, "schedule": "epoch"},
            "search": {"epochs": 50, "batch_size": 96, "validation_images": 1000},
        },
    }
    mixtures: ClassVar = {"cpu": {"search": {"epochs": 10, "split": 0.5}}}
    train: ClassVar = {
        "demo": {
            "network": {"channels": 8, "cells": 1},
            "weights": {**_TRAIN_WEIGHTS, "lr": 0.1},
            "train": {"epochs": 10, "batch_size": 64},
        },
        "cpu": {
            "network": {"channels": 16, "cells": 1},
            "data": {"resolution": 16, "train_size": 20000},
            "weights": {**_TRAIN_WEIGHTS, "lr": 0.1},
            "train": {"epochs": 20, "batch_size": 128},
        },
        "paper": {
            "network": {"channels": 128, "cells": 3, "width": "divided"},
            "weights": _TRAIN_WEIGHTS,
            "train": {"epochs": 108, "batch_size": 256},
        },
    }
