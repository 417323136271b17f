"""A pass of a network that is compiled (`torch.compile`): traced once, and turned into code for the device at hand.

What is compiled is the call, not the module: weights, their names and their gradients are where they were, and whoever
judges, saves or exports has the plain network. A graph cannot be differentiated twice.
"""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

import torch

from supernas.core.errors import UserError

__all__ = ["compiled"]

Run = TypeVar("Run", bound=Callable[..., Any])
BACKEND = "inductor"
_CACHED = ".*call to a `functools.lru_cache`-wrapped function"  # ours depend on their arguments alone


def compiled(run: Run, setting: str) -> Run:
    """The same function, compiled at its first call, and again where shapes are others or what needs a gradient.

    What this process has compiled before is forgotten: PyTorch keeps but few graphs of one piece of code, and would run
    those that follow as they are, without a word.

    Args:
        run: the function. It raises `UserError` where it cannot be compiled.
        setting: which asked for it.
    """
    from torch._dynamo.exc import TorchDynamoException  # takes a second, and only here

    warnings.filterwarnings("ignore", message=_CACHED, category=UserWarning)
    torch.compiler.reset()
    made = torch.compile(run, backend=BACKEND, dynamic=False)

    def called(*given: Any, **named: Any) -> Any:
        try:
            return made(*given, **named)
        except TorchDynamoException as error:
            why = str(error).partition("\n\n")[0] or type(error).__name__
            raise UserError(f"torch.compile does not work here: {why}; leave {setting} out") from error

    return cast(Run, called)
