"""Presets of NAS-Bench-201 (Dong and Yang, ICLR 2020).

Preset `cpu` has as many steps (6,744; 24 epochs) as an E2NAS search makes in what 10,000 steps of one path cost in the
published skeleton. Its learning rate, 0.1, is four times the published one, which was made for sixteen times the steps:
random paths had a lower validation loss than with 0.05 (1.39, 1.43; fair sets, seed 100).

With one cell a stage the published reductions do most of the network's work, and cells look alike. Where single paths
are trained the supernet's reductions are therefore their shortcuts alone: the losses of half of all cells then differ
by .096, where a batch has a noise of .135, instead of by .050 and .155 (standard deviations, the first from quartiles;
fair sets, 6,182 steps, seed 100; 9,273 steps .114 and .139, 5,620 with N=2 .086 and .122). A mixture's signal did not
gain by it (.12, .15), and its supernet is the published one.
Where single paths are trained, nine tenths of the images train them: few are needed to compare cells. A mixture's
architecture parameters follow the gradient of every validation batch, and half of the images judge them.

Training: their table 1, SGD with Nesterov momentum 0.9, weight decay 5e-4, a cosine from 0.1 to 0 that moves every
epoch, random flip and padded crop.
"""

from typing import ClassVar

from supernas.runs.presets.base import Presets
from supernas.steps.contracts import Recipe

__all__ = ["NASBench201Presets"]

_TRAIN_WEIGHTS = {"lr": 0.1, "lr_min": 0.0, "weight_decay": 5e-4, "clip": 0.0, "schedule": "epoch"}


class NASBench201Presets(Presets):
    """Sizes of the published skeleton."""

    alternation: ClassVar = Recipe(alpha_first=False)  # first-order code moves the weights first

    meanings: ClassVar = {
        "demo": "a small network on small images: search and training in about a minute on two cores",
        "cpu": "20,000 images of 16x16, C=16, N=1, batch 64, 24 epochs (mixtures: 10): minutes on two cores",
        "paper": "the published settings (C=16, N=5, batch 64, 250 epochs): meant for a GPU",
    }
    search: ClassVar = {
        "demo": {
            "supernet": {"channels": 8, "cells": 1},
            "search": {"epochs": 40, "batch_size": 64, "validation_images": 512},
        },
        "cpu": {
            "supernet": {"channels": 16, "cells": 1, "reduction": "shortcut"},
            "data": {"resolution": 16, "train_size": 20000},
            "weights": {"lr": 0.1},
            "search": {"epochs": 24, "batch_size": 64, "validation_images": 1000, "split": 0.9, "paths": "auto"},
        },
        "paper": {
            "supernet": {"channels": 16, "cells": 5},
            "search": {"epochs": 250, "batch_size": 64, "validation_images": 1000},
        },
    }
    mixtures: ClassVar = {
        "cpu": {"supernet": {"reduction": "residual"}, "search": {"epochs": 10, "split": 0.5}},
    }
    train: ClassVar = {
        "demo": {
            "network": {"channels": 8, "cells": 1},
            "weights": {**_TRAIN_WEIGHTS, "schedule": "step"},
            "train": {"epochs": 10, "batch_size": 64},
        },
        "cpu": {
            "network": {"channels": 16, "cells": 1},
            "data": {"resolution": 16, "train_size": 20000},
            "weights": {**_TRAIN_WEIGHTS, "schedule": "step"},
            "train": {"epochs": 20, "batch_size": 128},
        },
        "paper": {
            "network": {"channels": 16, "cells": 5},
            "weights": _TRAIN_WEIGHTS,
            "train": {"epochs": 200, "batch_size": 256},
        },
    }
