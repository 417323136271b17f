"""The supernet of a finished search with its weights as they are: losses, accuracies, the noise of a batch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.records import RESULT, RunRecord, read_record
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch, Stream
from supernas.evaluation.cache import cached
from supernas.evaluation.supernet_accuracy import EvaluationSettings, Supernet, supernet_accuracies
from supernas.networks.base import Network
from supernas.runs import presets
from supernas.runs.finished import read_run
from supernas.steps.contracts import SearchContext

__all__ = ["Frozen"]

_NOISE_SEED = 0


class Frozen:
    """A finished search on images, asked about architectures; what it says is kept and read again.

    Normalisation is as the search's own validation has it (`supernet.batch_norm`).

    Args:
        folder: its run folder.
        images: validation images of a loss or an accuracy.
        keep: where files of losses go.

    Raises:
        UserError: if the folder holds no finished search on images whose supernet holds the whole space.
    """

    def __init__(self, folder: Path, images: int, keep: Path) -> None:
        self.folder, self.keep = folder, keep
        self.config, _ = read_run(folder)
        result = read_record(folder / RESULT, RunRecord)
        if result is None:
            raise UserError(f"{folder} holds no result.json that can be read: wanted a finished search")
        self.space = self.config.space
        self.answer = self.space.parse(result["architecture"])
        self.evaluation = EvaluationSettings(images=images, batch_norm=self.config.supernet.batch_norm)
        self.supernet = Supernet(folder, self.evaluation)
        for norm in self.supernet.norms:
            norm.momentum = 0.0  # running averages stay where the search left them
        search = self.config.search
        self.dataset = self.config.data.load().for_search(search.seed, search.split)
        keep.mkdir(parents=True, exist_ok=True)

    @property
    def network(self) -> Network:
        """The supernet."""
        return self.supernet.network

    def stream(self, part: str, seed: int) -> Stream:
        """Batches of the search's size, varied as in the search."""
        return self.dataset.stream(part, self.config.search.batch_size, seed, torch.device("cpu"))

    def context(self, steps: int, seed: int) -> SearchContext:
        """What a method is told that starts anew on this supernet."""
        config = self.config
        recipe = presets.get(self.space.family).alternation
        context = SearchContext(
            self.network, self.space, CLASSIFICATION, config.objective, config.weights, steps, seed, recipe
        )
        return replace(context, likelihood_count=self.dataset.terms("valid"), data_shape=self.dataset.network)

    def accuracies(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Validation accuracies in percent [architectures]; kept in the run folder."""
        return supernet_accuracies(self.folder, architectures, self.evaluation)

    def losses(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Validation losses on the same images [architectures]."""
        keys = [self.supernet.key(architecture) for architecture in architectures]
        self.network.eval()
        with cached(self.keep, "losses", self.supernet.described()) as cache, torch.inference_mode():
            for key in dict.fromkeys(keys):
                if str(key) not in cache.values:
                    parts = [self._loss(batch, key) * len(batch.targets) for batch in self.supernet.batches]
                    cache.add(str(key), sum(parts) / self.evaluation.images)
        return np.array([cache.values[str(key)] for key in keys], dtype=float)

    def noises(self, architectures: Sequence[Architecture], batches: int) -> np.ndarray:
        """The standard deviation of each one's loss over batches that alpha would be judged on [architectures]."""
        about = {**self.supernet.described(), "batches": batches, "batch_size": self.config.search.batch_size}
        stream = self.stream("valid", _NOISE_SEED)
        drawn = [next(stream) for _ in range(batches)]
        self.network.train()
        described = {**about, "augmentation": vars(self.dataset.augmentation)}
        with cached(self.keep, "noise", described) as cache, torch.inference_mode():
            for one in architectures:
                if self.space.format(one) not in cache.values:
                    losses = [self._loss(batch, one.pairs) for batch in drawn]
                    cache.add(self.space.format(one), float(np.std(losses, ddof=1)))
        return np.array([cache.values[self.space.format(one)] for one in architectures], dtype=float)

    def _loss(self, batch: Batch, pairs: tuple) -> float:
        return float(CLASSIFICATION.loss(self.network(batch.inputs, active=pairs).prediction, batch.targets))
