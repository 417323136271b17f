"""Weights as they come from a file: none is taken that is damaged, or that is not a number."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.records import damaged, read_checked

__all__ = ["parse_weights", "read_weights"]

_REMEDY = "run what wrote it again"


def parse_weights(content: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors in the content of a safetensors file, by name.

    Raises:
        UserError: if it is damaged, or a tensor has an entry that is not a finite number.
    """
    try:
        tensors: dict[str, Tensor] = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise damaged(path, " ".join(str(error).split())[:200], _REMEDY) from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise damaged(path, f"{name} has entries that are not finite numbers", _REMEDY)
    return tensors


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name, as they were written.

    Raises:
        UserError: if it is missing, its digest is another than the `result.json` beside it holds, or as
            `parse_weights`.
    """
    content = read_checked(path)
    if content is None:
        raise UserError(f"cannot read the weights {path}: there is no such file; wanted a run's .safetensors file")
    return parse_weights(content, path)
