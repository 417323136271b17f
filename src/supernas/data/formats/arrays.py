"""Arrays as people have them: pixels as bytes or other numbers, channels first or last, labels as numbers or names.

The rules, the same for `.npz` files and for arrays that are given in Python:

- channels: [n, h, w] is grey. Of four dimensions the second counts channels if it is 1 or 3, else the last one must;
  where both could, the one that leaves squares.
- pixels: whole numbers up to 255 are bytes, up to 65,535 they have 16 bits; others between 0 and 1 mean black to white,
  and up to 255 bytes again. All parts are judged together, so that they have one scale.
- labels: [n] or [n, 1]. Whole numbers are class numbers from 0; texts are names, numbered in alphabetical order.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from supernas.core.errors import UserError

__all__ = ["channel_axis", "channels_first", "class_numbers", "is_text", "pixel_bytes"]

_CHANNELS = (1, 3)
Arrays = Mapping[str, np.ndarray]
"""Arrays by what to call them in a message."""


def channels_first(images: np.ndarray) -> np.ndarray | None:
    """The images as [n, c, h, w]; None if they are not of a shape that is understood."""
    axis = channel_axis(images.shape)
    return None if axis is None else np.moveaxis(images, axis, 1) if axis else images[:, None]


def channel_axis(shape: Sequence[int]) -> int | None:
    """Which dimension counts channels; 0 where none does, since all is grey; None if that is not understood."""
    if len(shape) == 3:
        return 0
    able = [axis for axis in (1, 3) if len(shape) == 4 and shape[axis] in _CHANNELS]
    squares = [axis for axis in able if shape[2] == shape[4 - axis]]
    return next(iter(squares + able), None)


def pixel_bytes(images: Arrays) -> dict[str, np.ndarray]:
    """The images as uint8 of the same shapes; the arrays have one type, and none of them is empty.

    Raises:
        UserError: if the numbers are no pixels.
    """
    types = {name: array.dtype for name, array in images.items()}
    if len(set(types.values())) > 1:
        raise UserError(f"{' and '.join(f'{name} is {kind}' for name, kind in types.items())}; wanted one type")
    scale = _scale(images)
    if scale == 1 and set(types.values()) == {np.dtype(np.uint8)}:
        return dict(images)
    return {name: np.rint(array * scale).astype(np.uint8) for name, array in images.items()}


def _scale(images: Arrays) -> float:
    """What makes bytes of the numbers."""
    kind = next(iter(images.values())).dtype.kind
    if kind not in "buif":
        raise UserError(f"{' and '.join(images)} hold no numbers; wanted pixels")
    least, most = min(float(array.min()) for array in images.values()), max(float(a.max()) for a in images.values())
    if least >= 0 and most <= 1 and kind in "bf":
        return 255.0
    if least >= 0 and most <= 255:
        return 1.0
    if least >= 0 and most <= 65_535 and kind in "ui":
        return 255 / 65_535
    raise UserError(
        f"{' and '.join(images)} hold numbers from {least:g} to {most:g}; wanted pixels: whole numbers from 0 to 255 "
        "or to 65535, or others from 0 to 1 or to 255"
    )


def class_numbers(labels: Arrays) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """(the labels as whole numbers [n], the names of the classes where the labels were names).

    The first of the arrays knows all names.

    Raises:
        UserError: if labels are neither numbers nor names, or a later array has a name that the first has not.
    """
    flat = {name: array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array for name, array in labels.items()}
    texts = {name: array.astype(str) for name, array in flat.items() if is_text(array)}
    if not texts:
        for name, array in flat.items():
            if array.dtype.kind not in "iub":
                raise UserError(f"{name} is {array.dtype} {list(array.shape)}; wanted whole numbers or names")
        return {name: array.astype(np.int64) for name, array in flat.items()}, ()
    if len(texts) < len(flat):
        raise UserError(f"{' and '.join(texts)} holds names, and another part does not; wanted names or numbers in all")
    known, *_ = map(np.unique, texts.values())
    for name, array in texts.items():
        if strangers := sorted(set(array.tolist()) - set(known.tolist())):
            raise UserError(f"{name} has the label {strangers[0]!r}, which no training label is")
    return {name: np.searchsorted(known, array) for name, array in texts.items()}, tuple(known.tolist())


def is_text(array: np.ndarray) -> bool:
    """Whether the elements are texts."""
    kind = array.dtype.kind
    return kind in "US" or (kind == "O" and array.size > 0 and all(isinstance(item, str) for item in array.flat))
