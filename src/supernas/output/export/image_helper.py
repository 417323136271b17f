"""`predict.py`, beside a network for images: from an image file to the names of classes, without this package."""

from importlib.metadata import version

import torch
from PIL import Image
from torch import Tensor

from supernas.core.documents import Document
from supernas.data import ImageSet, image_batches
from supernas.output.export.source import literal, written
from supernas.output.export.templates import predict_image
from supernas.output.export.trained import Trained

__all__ = ["HELPER", "image_helper", "photograph", "preparation", "prepared"]

HELPER = "predict.py"
"""The file beside a network that makes its input of what people have."""


def image_helper(trained: Trained, opens: str) -> dict[str, str]:
    """`predict.py` by its name; nothing where the inputs are no images with names of classes.

    Args:
        trained: the training.
        opens: the function of the template that opens the written network.
    """
    if not trained.reads_images:
        return {}
    facts = trained.facts
    channels, side, _ = facts["input_shape"]
    constants: dict[str, object] = {
        "CLASSES": list(facts["classes"]),
        "CHANNELS": channels,
        "SIDE": side,
        "MEAN": tuple(facts["mean"]),
        "STD": tuple(facts["std"]),
    }
    text = written(
        predict_image,
        _DOCSTRING.format(version=version("supernas")),
        constants={name: literal(value) for name, value in constants.items()},
        aliases={"open_network": opens},
        roots=("main",),
    )
    return {HELPER: text}


_DOCSTRING = """The classes of image files, by the network that lies beside this file.

    python predict.py photo.jpg --top 3

    from predict import predict
    predict("photo.jpg")  # [(class, probability), ...], the likeliest first

Written by supernas {version}.
"""


def preparation(trained: Trained) -> Document:
    """How an image file becomes what the network reads, step by step; empty where inputs are no images."""
    if not trained.reads_images:
        return {}
    channels, side, _ = trained.facts["input_shape"]
    return {
        "orientation": "upright, as EXIF says",
        "channels": "grey" if channels == 1 else "red, green, blue",
        "size": f"the central square, averaged down to {side}x{side} (a smaller one is enlarged)",
        "pixels": "from 0 to 1, less the mean, divided by the deviation",
        "mean": trained.facts["mean"],
        "std": trained.facts["std"],
    }


def photograph(trained: Trained) -> Image.Image:
    """The first example as the image that it may have come from."""
    mean, std = (torch.tensor(trained.facts[name]).view(-1, 1, 1) for name in ("mean", "std"))
    pixels = ((trained.examples[0] * std + mean) * 255).round().clamp(0, 255).byte()
    return Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).numpy())


def prepared(trained: Trained, image: Image.Image) -> Tensor:
    """What the training would have read of an image of its size, as a batch of one."""
    pixels = torch.tensor(list(image.tobytes()), dtype=torch.uint8).view(1, *image.size[::-1], -1).permute(0, 3, 1, 2)
    images = ImageSet(pixels, torch.zeros(1, dtype=torch.int64))
    facts = trained.facts
    return next(image_batches(images, 1, mean=facts["mean"], std=facts["std"])).inputs
