"""Presets of the DARTS convolutional space.

Search and training on CIFAR: Liu, Simonyan and Yang, ICLR 2019. Training on ImageNet: theirs (`imagenet`), and that of
P-DARTS (Chen et al., ICCV 2019) and PC-DARTS (Xu et al., ICLR 2020) with large batches (`imagenet-linear`). None of
these has Nesterov's momentum.
"""

from typing import ClassVar

from supernas.runs.presets.base import Presets

__all__ = ["DARTSCNNPresets"]

_SEARCH_WEIGHTS = {"lr": 0.025, "lr_min": 0.001, "weight_decay": 3e-4, "clip": 5.0, "nesterov": False}
_TRAIN_WEIGHTS = {**_SEARCH_WEIGHTS, "lr_min": 0.0}
_IMAGENET = {"channels": 48, "cells": 14, "stem": "imagenet", "auxiliary_weight": 0.4}
_IMAGENET_WEIGHTS = {**_TRAIN_WEIGHTS, "weight_decay": 3e-5, "schedule": "epoch"}


class DARTSCNNPresets(Presets):
    """Sizes of the published skeleton; `cells` counts all of them."""

    meanings: ClassVar = {
        "demo": "a small network on small images: search and training in a few minutes on two cores",
        "cpu": "20,000 images of 16x16, C=8, 5 cells, batch 64, 40 epochs: an hour on two cores",
        "paper": "search: C=16, 8 cells, batch 64, 50 epochs; training on CIFAR: C=36, 20 cells, 600 epochs: for a GPU",
        "imagenet": "training: C=48, 14 cells, batch 128, 250 epochs, rate 0.1 times 0.97 an epoch (DARTS)",
        "imagenet-linear": "training: the same with batch 1,024, rate 0.5, linear decay (P-DARTS, PC-DARTS)",
    }
    search: ClassVar = {
        "demo": {
            "supernet": {"channels": 4, "cells": 3},
            "weights": _SEARCH_WEIGHTS,
            "search": {"epochs": 20, "batch_size": 64, "validation_images": 512},
        },
        "cpu": {
            "supernet": {"channels": 8, "cells": 5},
            "weights": _SEARCH_WEIGHTS,
            "data": {"resolution": 16, "train_size": 20000},
            "search": {"epochs": 40, "batch_size": 64, "validation_images": 1000},
        },
        "paper": {
            "supernet": {"channels": 16, "cells": 8},
            "weights": {**_SEARCH_WEIGHTS, "schedule": "epoch"},
            "search": {"epochs": 50, "batch_size": 64, "validation_images": 1000},
        },
    }
    train: ClassVar = {
        "demo": {
            "network": {"channels": 8, "cells": 5},
            "weights": _TRAIN_WEIGHTS,
            "train": {"epochs": 10, "batch_size": 64},
        },
        "cpu": {
            "network": {"channels": 16, "cells": 8, "drop_path": 0.1},
            "data": {"resolution": 16, "train_size": 20000, "augmentation": {"cutout": 8}},
            "weights": _TRAIN_WEIGHTS,
            "train": {"epochs": 40, "batch_size": 96},
        },
        "paper": {
            "network": {"channels": 36, "cells": 20, "auxiliary_weight": 0.4, "drop_path": 0.2},
            "data": {"augmentation": {"cutout": 16}},
            "weights": {**_TRAIN_WEIGHTS, "schedule": "epoch"},
            "train": {"epochs": 600, "batch_size": 96},
        },
        "imagenet": {
            "network": _IMAGENET,
            "weights": {**_IMAGENET_WEIGHTS, "lr": 0.1, "decay": "exponential", "rate": 0.97},
            "train": {"epochs": 250, "batch_size": 128, "label_smoothing": 0.1},
        },
        "imagenet-linear": {
            "network": _IMAGENET,
            "weights": {**_IMAGENET_WEIGHTS, "lr": 0.5, "decay": "linear", "warmup": 0.02},  # 5 of 250 epochs
            "train": {"epochs": 250, "batch_size": 1024, "label_smoothing": 0.1},
        },
    }
