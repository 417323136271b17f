"""What crosses between the host and PyTorch's meta device, counted: on a GPU each is a copy, and a way back a wait."""

from collections import Counter
from contextlib import contextmanager

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

ATEN = torch.ops.aten
META = torch.device("meta")
MAKERS = (torch.tensor, torch.as_tensor, torch.Tensor.new_tensor)
INDEXING = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)


@contextmanager
def crossings():
    """How often something goes `there`, to the meta device, and comes `back`, where it is zeros."""
    seen = Counter()
    with _Made(seen), _Moved(seen):
        yield seen


class _Made(TorchFunctionMode):
    """Sees tensors that are made there of numbers of Python, also to index others, of which no operation is told."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = []
        if function in MAKERS and result.is_meta:
            given = args[-1:]
        elif function in INDEXING and args[0].is_meta:
            given = [one for one in (args[1] if isinstance(args[1], tuple) else args[1:2]) if isinstance(one, list)]
        self.seen["there"] += sum(not isinstance(one, torch.Tensor | np.ndarray) for one in given)
        return result


class _Moved(TorchDispatchMode):
    """Sees tensors that are moved, looked at, or mixed with those of the host; one number is an argument, no copy."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is ATEN._local_scalar_dense.default and args[0].is_meta:
            self.seen["back"] += 1
            return torch.zeros((), dtype=args[0].dtype).item()
        if function is ATEN._to_copy.default and args[0].is_meta and (kwargs.get("device") or META).type != "meta":
            self.seen["back"] += 1
            return torch.zeros(args[0].shape, dtype=kwargs.get("dtype") or args[0].dtype)
        if function is ATEN.copy_.default and args[1].is_meta and not args[0].is_meta:
            self.seen["back"] += 1
            return args[0].zero_()
        result = function(*args, **kwargs)
        copies = function in (ATEN._to_copy.default, ATEN.copy_.default)
        host = [one for one in _tensors((args, kwargs)) if not one.is_meta and (one.ndim or copies)]
        self.seen["there"] += bool(host) and any(one.is_meta for one in _tensors(result))
        return result


def _tensors(tree):
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
