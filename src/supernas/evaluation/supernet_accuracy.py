"""Accuracies with inherited weights: many architectures, asked of one finished search's supernet.

What makes it quick: no gradient, channels-last, the same batches for all, one evaluation for all architectures that
differ only in edges that cannot matter, and several processes of one thread each. What was found is appended to a file
in the run folder, so that a run that was killed goes on where it was.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.core.spelling import assigned, option
from supernas.core.task import CLASSIFICATION
from supernas.core.weights import parse_weights
from supernas.data import Batch, ImageDataset
from supernas.evaluation.cache import Cache, cached
from supernas.networks.base import Network, placed
from supernas.networks.costs.memory import Pass
from supernas.networks.operations import BatchNorm
from supernas.runs.configuration import SearchConfig
from supernas.runs.executors import JOBS, Executor, Needs
from supernas.runs.executors.local import Local
from supernas.runs.finished import read_run
from supernas.runs.fit import check_room
from supernas.runs.spread import in_order

__all__ = ["EvaluationSettings", "Policy", "Supernet", "one_by_one", "read_run", "supernet_accuracies"]

Policy = Literal["batch", "recalibrate", "tracked"]
OnProgress = Callable[[int, int], None]
"""Called with (evaluated, to be evaluated)."""

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_CHUNK = 8  # evaluations that a process is handed at once


@settings
class EvaluationSettings:
    """How a supernet evaluates an architecture.

    The policy says which statistics normalise. `batch`: those of the batch that is evaluated. `recalibrate`: running
    statistics that are estimated anew for each architecture, as the mean over some training batches without
    augmentation. `tracked`: the running averages of the search, over all paths that it trained.
    """

    images: int = setting(1000, "validation images", ge=1)
    batch_norm: Policy = setting("batch", "statistics that normalise: of the batch, re-estimated, or of the search")
    batch_size: int = setting(500, "the most images in an evaluated batch; batches are of equal size", ge=2)
    recalibration_images: int = setting(500, "training images of the re-estimated statistics", ge=2)
    recalibration_batch_size: int = setting(125, "images in one of their batches", ge=2)

    def described(self) -> Document:
        """The settings that have a part in the accuracies."""
        unused = () if self.batch_norm == "recalibrate" else ("recalibration_images", "recalibration_batch_size")
        return {name: value for name, value in vars(self).items() if name not in unused}


class Supernet:
    """The supernet of a finished search, and the images that it is asked about.

    Args:
        folder: the run folder of the search.
        evaluation: how it is asked.
        device: where it computes.
        processes: each of which will have such a supernet.

    Raises:
        UserError: if the folder holds no finished search, its weights do not fit its configuration, they hold no
            running averages where the policy needs them, there are fewer images than asked for, or it does not fit into
            memory.
    """

    def __init__(
        self, folder: Path, evaluation: EvaluationSettings, device: torch.device | str = "cpu", processes: int = 1
    ) -> None:
        config, weights = read_run(folder)
        if not config.method.shares_weights:
            raise UserError(
                f"{folder} is a search by {config.method_name}, which trains every candidate alone: its weights are "
                "those of its answer and say nothing of other architectures; wanted a search that shares weights"
            )
        self.folder, self.space, self.evaluation = folder, config.space, evaluation
        self.digest = hashlib.sha256(weights).hexdigest()[:16]
        dataset = config.data.load().for_search(config.search.seed, config.search.split)
        if not isinstance(dataset, ImageDataset):
            raise UserError(f"{folder} is a search on {dataset.examples}; wanted one on images, which has accuracies")
        self.batches = _batches(dataset, "valid", evaluation.images, evaluation.batch_size, device)
        _check_room(config, dataset, torch.device(device), len(self.batches[0].targets), processes)
        network = _network(config, dataset, folder, weights, evaluation.batch_norm)
        self.network: Network = placed(network, device)
        self.network.requires_grad_(False).eval()
        self.data, self.content = dataset.name, dataset.digest
        self.training: list[Tensor] = []
        if evaluation.batch_norm == "recalibrate":
            size = evaluation.recalibration_batch_size
            taken = _batches(dataset, "train", evaluation.recalibration_images, size, device)
            self.training = [batch.inputs for batch in taken]
        self.norms = [module for module in self.network.modules() if isinstance(module, BatchNorm)]
        # A zero that enters a convolution comes out of the normalisation as zero only where that neither shifts nor
        # subtracts an average of the search: elsewhere even an edge that the input never reaches counts.
        shifts = evaluation.batch_norm == "tracked" or getattr(config.supernet, "affine", True)
        split = network.one_shot is not network  # by a choice, which may be of an edge that cannot matter
        self._matters = _all_pairs if shifts or split else self.space.live

    def key(self, architecture: Architecture) -> tuple[Pair, ...]:
        """What of an architecture decides its accuracy here: architectures of one key are evaluated once."""
        return self._matters(architecture)

    def accuracy(self, key: tuple[Pair, ...]) -> float:
        """The accuracy in percent of the architectures of a key."""
        with torch.inference_mode():
            if self.training:
                self._recalibrate(key)
            total = 0.0
            for batch in self.batches:
                prediction = self.network(batch.inputs, active=key).prediction
                total += float(CLASSIFICATION.metric(prediction, batch.targets)) * len(batch.targets)
        return total / self.evaluation.images

    def _recalibrate(self, key: tuple[Pair, ...]) -> None:
        """Sets the running statistics to means over the training batches."""
        for norm in self.norms:
            norm.reset_running_stats()
        self.network.train()
        for inputs in self.training:
            self.network(inputs, active=key)
        self.network.eval()

    def described(self) -> Document:
        """All that the accuracies depend on, as plain values."""
        about = {"supernet": self.digest, "space": self.space.name, "data": self.data, "content": self.content}
        return {**about, **self.evaluation.described()}


def supernet_accuracies(
    folder: Path,
    architectures: Sequence[Architecture],
    evaluation: EvaluationSettings | None = None,
    *,
    workers: int | None = 1,
    executor: Executor[Any] | None = None,
    device: torch.device | str = "cpu",
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Accuracies with the weights of a finished search, in percent: float64 [architectures].

    Accuracies are kept in `accuracies-<policy>-<hash>.jsonl` in the run folder, whose first line says how they were
    found; what it holds is not evaluated again.

    Args:
        folder: the run folder of the search.
        architectures: which.
        evaluation: how the supernet is asked.
        workers: processes of one thread each; 1 evaluates in this process, None takes one a core, or one a GPU. With
            more than one, a script needs the usual `if __name__ == "__main__":`.
        executor: where they are; on this machine by default. Elsewhere also 1 is a process of its own.
        device: where to compute.
        on_progress: called with (evaluated, to be evaluated), counting what was kept from before.

    Raises:
        UserError: as `Supernet` does, or if another process asks the same.
    """
    executor, needs = executor or Local(), Needs(workers, devices=frozenset({str(device)}))
    here = executor.here(needs)
    supernet = Supernet(folder, evaluation or EvaluationSettings(), device, max(1, here))
    keys = [supernet.key(architecture) for architecture in architectures]
    distinct = list(dict.fromkeys(keys))
    report = on_progress or (lambda done, of: None)
    with _cache(folder, supernet) as cache:
        missing = [key for key in distinct if _name(key) not in cache.values]
        report(len(distinct) - len(missing), len(distinct))
        if here == 1:
            accuracies: Iterable[float] = map(supernet.accuracy, missing)
        else:
            prepare = partial(_accuracy_in, supernet.folder.resolve(), supernet.evaluation, str(device))
            accuracies = in_order(executor, needs, folder / JOBS, prepare, missing, _CHUNK)
        for number, (key, accuracy) in enumerate(zip(missing, accuracies, strict=True), start=1):
            cache.add(_name(key), accuracy)
            report(len(distinct) - len(missing) + number, len(distinct))
    return np.array([cache.values[_name(key)] for key in keys], dtype=float)


@contextmanager
def one_by_one(
    folder: Path, evaluation: EvaluationSettings | None = None, *, device: torch.device | str = "cpu"
) -> Iterator[Callable[[Architecture], float]]:
    """As `supernet_accuracies`, for those who decide by one accuracy what to ask next: a function from an architecture
    to its accuracy, which keeps what it finds in the same file.

    Raises:
        UserError: as `Supernet` does, or if another process asks the same.
    """
    supernet = Supernet(folder, evaluation or EvaluationSettings(), device)
    with _cache(folder, supernet) as cache:

        def accuracy(architecture: Architecture) -> float:
            key = supernet.key(architecture)
            if (known := cache.values.get(_name(key))) is not None:
                return known
            evaluated = supernet.accuracy(key)
            cache.add(_name(key), evaluated)
            return evaluated

        yield accuracy


def _cache(folder: Path, supernet: Supernet) -> AbstractContextManager[Cache]:
    return cached(folder, f"accuracies-{supernet.evaluation.batch_norm}", supernet.described())


def _accuracy_in(folder: Path, evaluation: EvaluationSettings, device: str) -> Callable[[tuple[Pair, ...]], float]:
    """What a process of several does: of a key, the accuracy."""
    return Supernet(folder, evaluation, device).accuracy


def _name(key: tuple[Pair, ...]) -> str:
    """A key as text."""
    return json.dumps(key)


# -- the network and its images ----------------------------------------------------------------------------------------


def _check_room(config: SearchConfig, dataset: ImageDataset, device: torch.device, batch: int, processes: int) -> None:
    """Whether as many supernets as there are processes fit into memory."""

    def build(**changed: Any) -> Network:
        network: Network = config.space.supernet(**dataset.network, **changed)
        return network

    asked = Pass(batch, dataset.input_shape, dataset.input_type, copies=2, backward=False)
    check_room(config.space, device, build, vars(config.supernet), asked, "supernet", processes)


def _network(config: SearchConfig, dataset: ImageDataset, folder: Path, weights: bytes, policy: Policy) -> Network:
    """The supernet, with normalisations as the policy wants them."""
    saved = parse_weights(weights, folder / "supernet.safetensors")
    batch_norm: Any = "batch" if policy == "batch" else "tracked"
    size = {**vars(config.supernet), "batch_norm": batch_norm}
    network: Network = config.space.supernet(**dataset.network, **size)
    tracked = any(name.endswith(_STATISTICS) for name in saved)
    if policy == "tracked" and not tracked:
        raise UserError(
            f"the search in {folder} kept no running averages (supernet.batch_norm=batch), so there is nothing for "
            f"{option('batch_norm', 'tracked')} to use; take batch or recalibrate, or search with "
            f"{assigned('supernet.batch_norm', 'tracked')}"
        )
    if policy != "tracked":  # they are not used, or estimated anew
        saved = {name: tensor for name, tensor in saved.items() if not name.endswith(_STATISTICS)}
    mine = network.state_dict()
    if policy == "recalibrate":
        saved = {**{name: tensor for name, tensor in mine.items() if name.endswith(_STATISTICS)}, **saved}
    if {name: tensor.shape for name, tensor in saved.items()} != {name: tensor.shape for name, tensor in mine.items()}:
        raise UserError(
            f"the supernet in {folder} is not the one that its config.json describes: its method narrowed it on the "
            "way, so it cannot rank all architectures; take a search whose network stays the same"
        )
    network.load_state_dict(saved)
    if policy == "recalibrate":
        for module in network.modules():
            if isinstance(module, BatchNorm):
                module.momentum = None  # the mean over all batches since the last reset
    return network


def _batches(dataset: ImageDataset, part: str, count: int, size: int, device: torch.device | str) -> list[Batch]:
    """The first images of a part as they are, in batches of equal size."""
    images = dataset.images[part]
    if count > len(images):
        which = {"train": "training", "valid": "validation"}[part]
        raise UserError(f"{count} {which} images wanted, and the run has {len(images)}; ask for fewer")
    return list(dataset.in_order(images.select(torch.arange(count)), size, device))


def _all_pairs(architecture: Architecture) -> tuple[Pair, ...]:
    return architecture.pairs
