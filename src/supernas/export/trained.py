"""A finished training as an export finds it: the network, what it reads, and examples of that."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from supernas import data
from supernas.configuration import TrainConfig, read_file, resolve_train
from supernas.errors import UserError
from supernas.networks.base import Standalone
from supernas.records import read_json
from supernas.runs import load_images

__all__ = ["Inputs", "Trained", "read_trained"]

_EXAMPLES = 256
_RANDOM = 64
_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Inputs:
    """What a network reads.

    Attributes:
        shape: of one input.
        num_classes: classes that it tells apart.
        mean: mean of each channel, with pixels between 0 and 1, that was subtracted.
        std: what the difference was divided by.
        classes: the name of each class.
    """

    shape: tuple[int, ...]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Trained:
    """A finished training.

    Attributes:
        weights: the file of its weights.
        config: its configuration.
        record: the content of its `result.json`.
        model: the trained network, in evaluation mode.
        inputs: what it reads.
        examples: some inputs.
        examples_are: what these are, in words.
        logits: what the network makes of them.
    """

    weights: Path
    config: TrainConfig
    record: Mapping[str, Any]
    model: Standalone
    inputs: Inputs
    examples: Tensor
    examples_are: str
    logits: Tensor

    @property
    def accuracies(self) -> dict[str, float]:
        """What the training measured on images that it did not train on, in percent."""
        names = ("valid_accuracy", "test_accuracy")
        return {name: float(self.record[name]) for name in names if self.record.get(name) is not None}


def read_trained(run: Path) -> Trained:
    """A finished training.

    Args:
        run: its run folder, or the weights in it.

    Raises:
        UserError: if there is none, it is a search, it is not finished, or its weights are damaged.
    """
    weights = run / _WEIGHTS if run.is_dir() else run
    folder = weights.parent
    config = _config(run, folder)
    record = read_json(folder / "result.json")
    if record is None:
        raise UserError(f"{folder} holds no result.json: the training has not ended; finish it with --resume")
    images = load_images(config.data)
    inputs = Inputs(
        (images.channels, images.resolution, images.resolution),
        images.num_classes,
        images.mean,
        images.std,
        images.classes,
    )
    examples, examples_are = _examples(images, inputs)
    model = _model(config, inputs, weights)
    return Trained(weights, config, record, model, inputs, examples, examples_are, _logits(model, examples))


def _config(run: Path, folder: Path) -> TrainConfig:
    file = folder / "config.json"
    if not run.exists() or not file.is_file():
        what = "is no run folder" if run.exists() else "does not exist"
        raise UserError(f"{run} {what}; wanted the folder of a finished `supernas train`, or the weights in it")
    document = read_file(file)
    if "train" not in document:
        raise UserError(f"{folder} is a search, whose supernet is no trained network: first `supernas train {folder}`")
    return resolve_train(document)


def _model(config: TrainConfig, inputs: Inputs, weights: Path) -> Standalone:
    size = {"num_classes": inputs.num_classes, "in_channels": inputs.shape[0]}
    model: Standalone = config.space.build(config.architecture, **size, **vars(config.network))
    try:
        model.load_state_dict(load_file(weights))
    except OSError as error:
        raise UserError(f"cannot read {weights}: {error.strerror or error}") from None
    except (SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{weights} is damaged, or not of this training ({reason})") from None
    return model.eval()


def _examples(images: data.ImageData, inputs: Inputs) -> tuple[Tensor, str]:
    """(inputs, what they are): test images, or random numbers where there are none."""
    if images.test is None:
        drawn = torch.randn(_RANDOM, *inputs.shape, generator=torch.Generator().manual_seed(0))
        return drawn, f"{_RANDOM} random inputs ({images.name} has no test images)"
    some = images.test.select(torch.arange(min(_EXAMPLES, len(images.test))))
    batch = next(data.batches(some, len(some), mean=images.mean, std=images.std))
    return batch.inputs.contiguous(), f"{len(some)} test images of {images.name}"


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
