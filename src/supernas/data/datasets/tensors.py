"""Arrays that were given in Python: any inputs, any targets, any task."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.identity import digest_of
from supernas.core.ranks import mine
from supernas.core.task import Task, classification, regression
from supernas.data.batch import Batch, even_batch
from supernas.data.datasets.base import FEW, Dataset
from supernas.data.formats.arrays import class_numbers, is_text

__all__ = ["TensorDataset", "TensorStream"]

Pair = tuple[Any, Any]
Augment = Callable[[Tensor, torch.Generator], Tensor]
_EVALUATION_BATCH = 500


@dataclass(frozen=True, eq=False, kw_only=True)
class TensorDataset(Dataset):
    """Inputs and targets in memory.

    Attributes:
        arrays: part -> (inputs [n, ...], targets [n, ...]).
        num_classes: how many classes the targets are; None where they are not whole numbers.
        given_task: the task, if not the usual one.
        augment: how a batch of training inputs is varied, with the random numbers of a generator on the host.
        classes: the name of each class, where targets were names.
        mean: mean of each channel, with pixels between 0 and 1, where pixels were normalised.
        std: standard deviation of each channel, in the same unit.
    """

    examples: ClassVar[str] = "examples"

    arrays: Mapping[str, tuple[Tensor, Tensor]]
    num_classes: int | None = None
    given_task: Task | None = None
    augment: Augment | None = None
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        train: Pair,
        valid: Pair | None = None,
        test: Pair | None = None,
        task: Task | None = None,
        augment: Augment | None = None,
        name: str = "arrays",
    ) -> "TensorDataset":
        """Data in arrays.

        Args:
            train: (inputs, targets): tensors or numpy arrays of equal length. Targets that are texts are names of
                classes, which are numbered in alphabetical order.
            valid: data that judge on the way; without them a search keeps half of the training data apart.
            test: data that judge at the end.
            task: the loss and the metric; by default classification for whole numbers and names, else regression.
            augment: how training inputs are varied.
            name: what runs call the data.

        Raises:
            UserError: if inputs and targets do not fit.
        """
        parts = {"train": train, "valid": valid, "test": test}
        given, names = _numbered({part: pair for part, pair in parts.items() if pair is not None})
        arrays = {part: _tensors(part, pair) for part, pair in given.items()}
        if task is None:
            arrays = {part: (inputs, _flat(targets)) for part, (inputs, targets) in arrays.items()}
        targets = arrays["train"][1]
        classes = None if targets.is_floating_point() else int(targets.max()) + 1
        note = ""
        if classes is not None and task is None:
            for part, (_, labels) in arrays.items():
                _check_labels(part, labels, classes)
            note = _without_examples(targets, classes)
        return cls(
            name=name,
            note=note,
            arrays=arrays,
            num_classes=classes,
            given_task=task,
            augment=augment,
            classes=names,
        )

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that were given."""
        return tuple(self.arrays)

    @property
    def network(self) -> Values:
        """How many classes, where targets are whole numbers, and channels, where inputs have the shape of images."""
        classes = {} if self.num_classes is None else {"num_classes": self.num_classes}
        inputs = self.arrays["train"][0]
        return {**classes, **({"in_channels": inputs.shape[1]} if inputs.ndim == 4 else {})}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example's input."""
        return tuple(self.arrays["train"][0].shape[1:])

    @property
    def input_type(self) -> torch.dtype:
        """The type of the inputs."""
        return self.arrays["train"][0].dtype

    def task(self, label_smoothing: float = 0.0) -> Task:
        """The task that was given; else classification of whole numbers, regression of others."""
        usual = self.given_task is None and not self.arrays["train"][1].is_floating_point()
        if label_smoothing and not usual:
            raise UserError("train.label_smoothing is for classification as usual; a task of your own smooths itself")
        if self.given_task is not None:
            return self.given_task
        return classification(label_smoothing) if usual else regression()

    def facts(self) -> Document:
        """The names of the classes too, and how pixels were normalised, where that is so."""
        more = {"mean": self.mean, "std": self.std, "classes": self.classes}
        return {**super().facts(), **{name: list(values) for name, values in more.items() if values}}

    @property
    def digest(self) -> str:
        """Eight letters that tell data apart, and what is done with them: a task and an augmentation of their own."""
        digest = hashlib.sha256()
        for part, pair in self.arrays.items():
            for array in pair:
                digest.update(f"{part} {array.dtype} {tuple(array.shape)}".encode())
                digest.update(array.detach().cpu().contiguous().numpy().tobytes())
        if self.given_task is not None or self.augment is not None:
            digest.update(digest_of((self.given_task and vars(self.given_task), self.augment)).encode())
        return digest.hexdigest()[:8]

    def count(self, part: str) -> int:
        """How many examples."""
        return len(self.arrays[part][0])

    def stream(self, part: str, batch_size: int, seed: int, device: torch.device) -> "TensorStream":
        """Endless shuffled batches."""
        return TensorStream(*self.arrays[part], batch_size, self.augment, seed, device)

    def batches(self, part: str, device: torch.device, limit: int | None = None, number: int = 0) -> Iterator[Batch]:
        """Examples in order, in batches of nearly equal size."""
        inputs, targets = self.arrays[part]
        count = len(inputs) if limit is None else min(limit, len(inputs))
        start = number % (len(inputs) // count) * count
        chosen = [array[start : start + count] for array in (inputs, targets)]
        pieces = -(-count // _EVALUATION_BATCH)
        for x, y in zip(*(array.tensor_split(pieces) for array in chosen), strict=True):
            yield Batch(x.to(device), y.to(device))

    def first(self, part: str, count: int, device: torch.device) -> Batch:
        """The first examples."""
        inputs, targets = self.arrays[part]
        return Batch(inputs[:count].to(device), targets[:count].to(device))

    def few(self, device: torch.device) -> Batch:
        """The first training examples, and those with the smallest and the largest target of each part alike."""
        inputs, targets = self.arrays["train"]
        some = [(inputs[:FEW], targets[:FEW])]
        for x, y in self.arrays.values():
            if (x.shape[1:], y.shape[1:]) != (inputs.shape[1:], targets.shape[1:]):
                continue
            values = y.reshape(len(y), -1)
            ends = torch.stack([values.amin(dim=1).argmin(), values.amax(dim=1).argmax()])
            some.append((x[ends], y[ends]))
        chosen_inputs, chosen_targets = (torch.cat(arrays).to(device) for arrays in zip(*some, strict=True))
        return Batch(chosen_inputs, chosen_targets)

    def for_search(self, seed: int, split: float | None) -> "TensorDataset":
        """Training and validation data; without any of these, a random half of the training data, or another part."""
        arrays = {part: pair for part, pair in self.arrays.items() if part != "test"}
        if split is not None and "valid" in arrays:
            raise UserError(f"a split of {split:g} and validation data of their own were given; wanted one of them")
        if "valid" not in arrays:
            inputs, targets = arrays["train"]
            order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
            place = round((0.5 if split is None else split) * len(inputs))
            if not 0 < place < len(inputs):
                how = "choose one nearer to 0.5" if len(inputs) > 1 else "give more data"
                raise UserError(f"a split of {len(inputs)} examples at {place} leaves one part empty; {how}")
            arrays = {
                part: (inputs[where], targets[where])
                for part, where in (("train", order[:place]), ("valid", order[place:]))
            }
        return replace(self, arrays=arrays)


class TensorStream:
    """Endless batches in a random order, a new one each pass; what is left of a pass and smaller is left out. Where
    that would be more than a tenth, or there are fewer examples, batches are smaller (`even_batch`).

    Its state is the order, the place in it and one generator.
    """

    def __init__(
        self,
        inputs: Tensor,
        targets: Tensor,
        batch_size: int,
        augment: Augment | None,
        seed: int,
        device: torch.device,
    ) -> None:
        self._inputs, self._targets = inputs.to(device), targets.to(device)
        self._augment = augment
        self.batch_size = even_batch(len(inputs), batch_size)
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.randperm(len(inputs), generator=self._generator)
        self._place = 0

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass."""
        return len(self._inputs) // self.batch_size

    def __next__(self) -> Batch:
        if self._place + self.batch_size > len(self._order):
            self._order = torch.randperm(len(self._order), generator=self._generator)
            self._place = 0
        chosen = self._order[self._place : self._place + self.batch_size].to(self._inputs.device)
        self._place += self.batch_size
        inputs = self._inputs[chosen]
        if self._augment is not None:
            inputs = self._augment(inputs, self._generator)
        return Batch(mine(inputs), mine(self._targets[chosen]))

    def state_dict(self) -> Document:
        """Where the stream stands."""
        return {"order": self._order, "place": self._place, "generator": self._generator.get_state()}

    def load_state_dict(self, state: Values) -> None:
        """Go to where `state_dict` was taken.

        Raises:
            UserError: if the state is of a stream over other data.
        """
        if len(state["order"]) != len(self._order):
            raise UserError(
                f"the saved run has {len(state['order'])} training examples, these data {len(self._order)}; "
                "resume with the data of the saved run"
            )
        self._order, self._place = state["order"].cpu(), int(state["place"])
        self._generator.set_state(state["generator"].cpu())


def _numbered(pairs: Mapping[str, Pair]) -> tuple[Mapping[str, Pair], tuple[str, ...]]:
    """(the same with numbers for targets that are names, the names)."""
    targets = {f"the {part} targets": _targets(part, pair) for part, pair in pairs.items()}
    if not any(map(is_text, targets.values())):
        return pairs, ()
    numbers, names = class_numbers(targets)
    return {part: (pair[0], numbers[f"the {part} targets"]) for part, pair in pairs.items()}, names


def _targets(part: str, pair: Pair) -> np.ndarray:
    try:
        _, targets = pair
        return np.empty(0) if isinstance(targets, Tensor) else np.asarray(targets)
    except (TypeError, ValueError) as error:
        raise UserError(f"the {part} data are no (inputs, targets): {error}") from None


def _tensors(part: str, pair: Pair) -> tuple[Tensor, Tensor]:
    try:
        inputs, targets = (given if isinstance(given, Tensor) else torch.as_tensor(np.asarray(given)) for given in pair)
    except (TypeError, ValueError) as error:
        raise UserError(f"the {part} data are no (inputs, targets): {error}") from None
    if not inputs.ndim or not targets.ndim:
        raise UserError(f"the {part} data are single numbers; wanted arrays whose first dimension counts examples")
    if len(inputs) != len(targets) or not len(inputs):
        raise UserError(f"the {part} data have {len(inputs)} inputs and {len(targets)} targets; wanted equally many")
    kept = [array.float() if array.dtype == torch.float64 else array for array in (inputs, targets)]
    return kept[0], kept[1] if kept[1].is_floating_point() else kept[1].long()


def _flat(targets: Tensor) -> Tensor:
    """Class numbers [n, 1] as [n]."""
    return targets[:, 0] if targets.shape[1:] == (1,) and not targets.is_floating_point() else targets


def _without_examples(labels: Tensor, classes: int) -> str:
    """A note on classes of which there is nothing to be learnt, as where labels count from 1."""
    empty = (torch.bincount(labels, minlength=classes) == 0).nonzero().flatten().tolist()
    shown = ", ".join(map(str, empty[:10])) + (f" and {len(empty) - 10:,} more" if len(empty) > 10 else "")
    return f"classes without a training example: {shown}" if empty else ""


def _check_labels(part: str, labels: Tensor, classes: int) -> None:
    if labels.ndim != 1 or int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise UserError(
            f"the {part} targets are whole numbers, so classes: wanted one for each example, from 0 to {classes - 1} "
            "as in the training data"
        )
