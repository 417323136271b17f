"""Architectures trained from scratch at the scale of a search: on half of its images, at the size of its supernet.

This truth belongs to the scale and not to one search: the halves are those of a seed of its own, so that searches of
several seeds and methods share it.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from supernas.core.architecture import Architecture
from supernas.evaluation.cache import cached
from supernas.runs.configuration import SearchConfig, TrainConfig, fingerprint, merge, resolve_train
from supernas.runs.finished import training_beside
from supernas.runs.training import train_each

__all__ = ["own_accuracies", "own_training"]


def own_training(search: SearchConfig, epochs: int, seed: int = 0) -> TrainConfig:
    """How an architecture is trained, in the recipe of the search's preset, on half of its images whatever the search's
    own split; its architecture is to be replaced.
    """
    train = {"epochs": epochs, "seed": seed, "split": 0.5, "split_seed": seed}
    any_one = search.space.format(search.space.sample(np.random.default_rng(seed)))
    return resolve_train(merge(training_beside(search), {"architecture": any_one, "train": train}))


def own_accuracies(training: TrainConfig, architectures: Sequence[Architecture], folder: Path) -> np.ndarray:
    """Validation accuracies after training, in percent [architectures].

    Each is kept in a file as soon as it is known, and its run folder removed; a training that was broken off goes on.
    """
    space = training.space
    described = fingerprint({**training.document(), "architecture": ""})
    folder.mkdir(parents=True, exist_ok=True)
    with cached(folder, "own-scale", {"training": described, "seed": training.train.seed}) as cache:
        for one in architectures:
            if space.format(one) not in cache.values:
                [result] = train_each(training, [one], folder / "trainings")
                cache.add(space.format(one), result.valid_metric)
                shutil.rmtree(result.folder)
    return np.array([cache.values[space.format(one)] for one in architectures], dtype=float)
