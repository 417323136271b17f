"""Presets of a user's own model, whose size is the user's: they differ in how long they take."""

from typing import ClassVar

from supernas.runs.presets.base import Presets

__all__ = ["ModelPresets"]


class ModelPresets(Presets):
    """Lengths of a run."""

    meanings: ClassVar = {
        "demo": "your own model: search 20 epochs, training 20",
        "cpu": "your own model: search 50 epochs, training 50",
        "paper": "your own model: search 250 epochs, training 200",
    }
    search: ClassVar = {
        "demo": {"search": {"epochs": 20, "batch_size": 64}},
        "cpu": {"search": {"epochs": 50, "batch_size": 64}},
        "paper": {"search": {"epochs": 250, "batch_size": 64}},
    }
    train: ClassVar = {
        "demo": {"weights": {"lr_min": 0.0}, "train": {"epochs": 20, "batch_size": 64}},
        "cpu": {"weights": {"lr_min": 0.0}, "train": {"epochs": 50, "batch_size": 64}},
        "paper": {"weights": {"lr_min": 0.0}, "train": {"epochs": 200, "batch_size": 64}},
    }
