"""Presets of the recurrent DARTS space (Liu, Simonyan and Yang, ICLR 2019), on the Penn Treebank."""

from collections.abc import Mapping
from typing import ClassVar

from supernas.core.documents import Values
from supernas.runs.presets.base import Presets
from supernas.steps.contracts import Recipe

__all__ = ["DARTSRNNPresets"]

_WEIGHTS = {"lr": 20.0, "lr_min": 20.0, "momentum": 0.0, "nesterov": False, "clip": 0.25}
_SEARCH_WEIGHTS = {**_WEIGHTS, "weight_decay": 5e-7}
_LITTLE_DROPPED = {"dropout": 0.2, "dropouti": 0.1, "dropoute": 0.0, "dropoutx": 0.2, "dropouth": 0.1}
_TRAIN_WEIGHTS = {**_WEIGHTS, "weight_decay": 8e-7, "patience": 5}


class DARTSRNNPresets(Presets):
    """Sizes of the language model. The learning rate is constant; it is scaled with the length of each window."""

    alternation: ClassVar[Recipe] = Recipe(clips_look_ahead=True)

    meanings: ClassVar[Mapping[str, str]] = {
        "demo": "64 units, 80,000 words: search and training in about a minute on two cores",
        "cpu": "200 units, batch 64, 200,000 words: an hour on two cores",
        "paper": "search: 300 units, batch 256, 50 epochs; training: 850 units, batch 64, 3,600 epochs: for a GPU",
    }
    search: ClassVar[Mapping[str, Values]] = {
        "demo": {
            "supernet": {"units": 64, **_LITTLE_DROPPED},
            "data": {"valid_columns": 50},
            "weights": {**_SEARCH_WEIGHTS, "lr": 5.0, "lr_min": 0.5},
            "search": {"epochs": 6, "batch_size": 32, "validation_images": 200},
        },
        "cpu": {
            "supernet": {"units": 200},
            "data": {"train_words": 200_000, "valid_columns": 50},
            "weights": {**_SEARCH_WEIGHTS, "lr_min": 2.0},
            "search": {"epochs": 20, "batch_size": 64, "validation_images": 500},
        },
        "paper": {
            "supernet": {"units": 300},
            "weights": _SEARCH_WEIGHTS,
            "search": {"epochs": 50, "batch_size": 256, "validation_images": 1000},
        },
    }
    train: ClassVar[Mapping[str, Values]] = {
        "demo": {
            "network": {"units": 64, **_LITTLE_DROPPED},
            "weights": {**_TRAIN_WEIGHTS, "lr_min": 2.0},
            "data": {"test_columns": 10},
            "train": {"epochs": 6, "batch_size": 32, "keep": "best"},
        },
        "cpu": {
            "network": {"units": 200},
            "weights": _TRAIN_WEIGHTS,
            "data": {"train_words": 200_000, "test_columns": 10},
            "train": {"epochs": 30, "batch_size": 32, "keep": "best"},
        },
        "paper": {
            "network": {"units": 850},
            "weights": _TRAIN_WEIGHTS,
            "train": {"epochs": 3600, "batch_size": 64, "keep": "best"},
        },
    }
