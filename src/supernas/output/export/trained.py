"""A finished training as an export finds it: the network, what it reads, and examples of that."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic
import torch
from torch import Tensor

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.records import RESULT, Record, RunRecord, checked_model, read_record
from supernas.core.spelling import assigned, command, option
from supernas.core.weights import read_weights
from supernas.data import Dataset
from supernas.networks.base import Standalone
from supernas.runs.configuration import TrainConfig, read_own, resolve_train
from supernas.spaces.base import Space

__all__ = ["Trained", "read_trained"]

_EXAMPLES = 256
_RANDOM = 64
_PROBED = 16  # inputs that show whether a network reads them
_WEIGHTS = "weights.safetensors"
_Count = Annotated[int, pydantic.Field(ge=1, le=10_000_000)]


class _Facts(Record):
    """What one must know of data to use a network that was trained on them (`Dataset.facts`)."""

    network: dict[str, _Count]
    input_shape: list[_Count] = pydantic.Field(max_length=8)
    input_type: str
    needed: ClassVar[tuple[str, ...]] = ()

    @pydantic.model_validator(mode="after")
    def _shape_is_whole(self) -> "_Facts":
        for name in self.needed:
            if name not in self.network:
                raise ValueError(f"network has no {name}")
        return self


class _TextFacts(_Facts):
    """The same of a text."""

    needed = ("num_classes",)


class _ImageFacts(_Facts):
    """The same of images."""

    needed = ("num_classes", "in_channels")
    mean: list[float] | None = None
    std: list[Annotated[float, pydantic.Field(gt=0)]] | None = None
    classes: list[str] | None = None


_FACTS: dict[str, type[_Facts]] = {"text": _TextFacts, "images": _ImageFacts}


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished training.

    Attributes:
        weights: the file of its weights.
        config: its configuration.
        record: the content of its `result.json`.
        model: the trained network, in evaluation mode.
        facts: what one must know of the data to use it (`Dataset.facts`).
        dataset: the data; None where they cannot be had any more.
        examples: some inputs.
        examples_are: what these are, in words.
        logits: what the network makes of them.
    """

    weights: Path
    config: TrainConfig
    record: Values
    model: Standalone
    facts: Values
    dataset: Dataset | None
    examples: Tensor
    examples_are: str
    logits: Tensor

    @property
    def reads_images(self) -> bool:
        """Whether its inputs are images of classes with names, and it is known how their pixels were normalised."""
        return "classes" in self.facts and "mean" in self.facts

    @property
    def measured(self) -> dict[str, float]:
        """What the training measured on data that it did not train on, by name."""
        parts = ("valid_", "test_")
        return {name: value for name, value in self.record.items() if name.startswith(parts) and _is_number(value)}


def read_trained(run: Path, space: Space | None = None) -> Trained:
    """A finished training.

    Args:
        run: its run folder, or the weights in it.
        space: the space of a user's own model, which a configuration can only name.

    Raises:
        UserError: if there is none, it is a search, it is not finished, its weights are damaged, or neither its record
            nor its data say what it reads.
    """
    weights = run / _WEIGHTS if run.is_dir() else run
    folder = weights.parent
    config = _config(run, folder, space)
    record = read_record(folder / RESULT, RunRecord)
    if record is None:
        raise UserError(
            f"{folder} holds no result.json: the training has not ended; finish it with {option('resume', True)}"
        )
    if record.get("inputs") is not None:
        checked_model(_FACTS.get(config.space.data_kind, _Facts), record["inputs"], folder / RESULT)
    dataset, why_not = _dataset(config, record.get("inputs"))
    facts = record.get("inputs") or (dataset.facts() if dataset else None)
    if facts is None:
        raise UserError(f"the data of {folder} cannot be read, and its result.json does not describe them: {why_not}")
    model = _model(config, facts, weights)
    examples, examples_are = _examples(dataset, facts, why_not)
    _check_connected(config, model, examples)
    return Trained(weights, config, record, model, facts, dataset, examples, examples_are, _logits(model, examples))


def _config(run: Path, folder: Path, space: Space | None) -> TrainConfig:
    document = read_own(folder) if run.exists() else None
    if document is None:
        what = "is no run folder" if run.exists() else "does not exist"
        raise UserError(f"{run} {what}; wanted the folder of a finished `supernas train`, or the weights in it")
    if "train" not in document:
        raise UserError(
            f"{folder} is a search, whose supernet is no trained network: first train what it "
            f"found, {command('train', folder)}"
        )
    named = document.get("space")
    named = named.get("name") if isinstance(named, dict) else named
    if space is None and isinstance(document.get("space"), dict) and "choices" in document["space"]:
        raise UserError(
            f"{folder} is a training of the model '{named}': its code is yours, so export it in Python with "
            "supernas.export(..., space=...)"
        )
    if space is not None and space.name != named:
        raise UserError(f"{folder} is a run in the space {named}, not {space.name}")
    return resolve_train({**document, "space": space or document["space"]})


def _check_connected(config: TrainConfig, model: Standalone, examples: Tensor) -> None:
    if config.train.disconnected == "refuse" and not model.reads_input(examples[:_PROBED]):
        raise UserError(
            f"{config.text} has no path from input to output, so its network answers the same to every input; export "
            f"another one, or train this one all the same: {assigned('train.disconnected', 'allow')}"
        )


def _dataset(config: TrainConfig, facts: Values | None) -> tuple[Dataset | None, str]:
    """(the data, or None, why they are not to be had); `facts` are those of the training, where they were recorded."""
    try:
        dataset = config.data.load()
    except UserError as error:
        return None, str(error)
    if facts is not None and dataset.facts() != facts:
        return None, f"{dataset.name} is not what it was in the training"
    return dataset, ""


def _model(config: TrainConfig, facts: Values, weights: Path) -> Standalone:
    try:
        model: Standalone = config.space.standalone(config.architecture, **facts["network"], **vars(config.network))
        model.load_state_dict(read_weights(weights))
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{weights} is damaged, or not of this training ({reason})") from None
    return model.eval()


def _examples(dataset: Dataset | None, facts: Values, why_not: str) -> tuple[Tensor, str]:
    """(inputs, what they are): test data, or random ones of their shape where there are none."""
    if dataset is None or "test" not in dataset.parts:
        why = why_not if dataset is None else f"{dataset.name} has no test {dataset.examples}"
        shape, generator = (_RANDOM, *facts["input_shape"]), torch.Generator().manual_seed(0)
        if facts["input_type"] == "int64":  # words
            words = torch.randint(facts["network"].get("num_classes", 2), shape, generator=generator)
            return words, f"{_RANDOM} random words ({why})"
        return torch.randn(shape, generator=generator), f"{_RANDOM} random inputs ({why})"
    inputs = next(dataset.batches("test", torch.device("cpu"), _EXAMPLES)).inputs.contiguous()
    return inputs, f"the first test {dataset.examples} of {dataset.name} ({'x'.join(map(str, inputs.shape))})"


def _logits(model: Standalone, examples: Tensor) -> Tensor:
    """What a network makes of some examples.

    Raises:
        UserError: if that is something else each time, so that nothing could be compared with it.
    """
    with torch.no_grad():
        logits: Tensor = model(examples)
        if not logits.isfinite().all():
            raise UserError("the trained network gives logits that are not finite numbers: its training went wrong")
        if not logits.equal(model(examples)):
            raise UserError(
                "this network gives other logits each time, so nothing that is written could be compared with it; "
                "operations such as `noise` are there for experiments only"
            )
    return logits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
