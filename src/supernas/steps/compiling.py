"""A pass of a network that is compiled (`torch.compile`): traced once, and turned into code for the device at hand.

What is compiled is the call, not the module: weights, their names and their gradients are where they were, and whoever
judges, saves or exports has the plain network. A graph cannot be differentiated twice.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import torch

__all__ = ["compiled"]

Run = TypeVar("Run", bound=Callable[..., Any])
BACKEND = "inductor"
_CACHED = ".*call to a `functools.lru_cache`-wrapped function"  # ours depend on their arguments alone


def compiled(run: Run) -> Run:
    """The same function, compiled at its first call, and again where shapes are others or what needs a gradient.

    What this process has compiled before is forgotten: PyTorch keeps but few graphs of one piece of code, and would run
    those that follow as they are, without a word.
    """
    warnings.filterwarnings("ignore", message=_CACHED, category=UserWarning)
    torch.compiler.reset()
    made: Run = torch.compile(run, backend=BACKEND, dynamic=False)  # type: ignore[assignment]
    return made
