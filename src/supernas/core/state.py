"""States as trees of tensors, numbers and strings, so that `torch.load(weights_only=True)` reads them back.

A state is a dataclass. Its fields may be modules and optimisers (by their `state_dict`), generators of torch and numpy,
tensors, architectures, other states, plain containers, numbers and strings; nobody writes a save or load of their own.
"""

import copy
import dataclasses
import json
from collections import deque
from typing import Any, get_type_hints

import numpy as np
import pydantic
import torch

from supernas.core.architecture import Architecture
from supernas.core.documents import Document

__all__ = ["ON_HOST", "UNSAVED", "State", "load_tree", "running_averages", "to_tree"]

UNSAVED = {"unsaved": True}
"""The metadata of a field that is part of a state's set-up and is not saved."""

ON_HOST = {"on_host": True}
"""The metadata of a field whose tensors lie on the host, wherever the network is."""

_HOST = torch.device("cpu")

_AS_ANNOTATED = pydantic.ConfigDict(arbitrary_types_allowed=True)
_ARCHITECTURE = "(choice, option) pairs"  # marks an architecture in a tree


class State:
    """A base for the dataclasses that hold what changes during a run. A `field(metadata=UNSAVED)` is left out."""

    def tree(self) -> Document:
        """Everything that changes, as tensors, numbers and strings only."""
        return {name: to_tree(value) for name, value in _moving(self).items()}

    def load(self, tree: Document, device: torch.device = _HOST) -> None:
        """Makes this state equal to the one that `tree` was taken from.

        Tensors that are there already stay where they are; those that a fresh state lacks go to `device`, except in
        fields that are `ON_HOST`.

        Raises:
            ValueError: if the tree has other entries, or one of another type, like other errors of what does not fit.
        """
        mine = _moving(self)
        if set(mine) != set(tree):
            raise ValueError(f"{type(self).__name__} has {sorted(mine)}, the saved state has {sorted(tree)}")
        hints = get_type_hints(type(self))
        on_host = {field.name for field in dataclasses.fields(self) if field.metadata.get("on_host")}  # type: ignore[arg-type]
        for name, value in mine.items():
            loaded = load_tree(value, tree[name], _HOST if name in on_host else device)
            setattr(self, name, loaded if loaded is value else _of_type(hints[name], loaded, name))


def _of_type(hint: Any, value: Any, name: str) -> Any:
    """The value, as the annotation of its field wants it."""
    try:
        return pydantic.TypeAdapter(tuple[hint], config=_AS_ANNOTATED).validate_python((value,))[0]
    except pydantic.ValidationError as error:
        raise ValueError(f"{name}: {error.errors()[0]['msg']}") from None


def _moving(state: State) -> Document:
    fields = dataclasses.fields(state)  # type: ignore[arg-type]
    return {field.name: getattr(state, field.name) for field in fields if not field.metadata.get("unsaved")}


def to_tree(value: Any) -> Any:
    """One value as a tree."""
    if isinstance(value, State):
        return value.tree()
    if isinstance(value, Architecture):
        return {_ARCHITECTURE: [list(pair) for pair in value.pairs]}
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return json.dumps(value.bit_generator.state)
    if hasattr(value, "state_dict"):
        return copy.deepcopy(value.state_dict())
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: to_tree(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | deque):
        return [to_tree(item) for item in value]
    if type(value) in (type(None), bool, int, float, str):  # subclasses are not read back with `weights_only`
        return value
    raise TypeError(f"a {type(value).__name__} cannot be part of a state")


def running_averages(value: Any) -> list[torch.Tensor]:
    """The running means and variances of all normalisations in a state's modules."""
    if isinstance(value, State):
        return running_averages(_moving(value))
    if isinstance(value, dict):
        return running_averages(list(value.values()))
    if isinstance(value, list | tuple):
        return [tensor for inner in value for tensor in running_averages(inner)]
    if not isinstance(value, torch.nn.Module):
        return []
    norms = [module for module in value.modules() if isinstance(module, torch.nn.modules.batchnorm._NormBase)]
    kept = (buffer for norm in norms for buffer in (norm.running_mean, norm.running_var))
    return [buffer for buffer in kept if buffer is not None]


def load_tree(value: Any, tree: Any, device: torch.device = _HOST) -> Any:
    """The value with the content of `tree`: modules, optimisers, generators and tensors are changed in place; a tensor
    that the value lacks is put on `device`.
    """
    if isinstance(value, State):
        value.load(tree, device)
    elif isinstance(value, torch.Generator):
        value.set_state(tree)
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = json.loads(tree)
    elif hasattr(value, "load_state_dict"):
        value.load_state_dict(tree)
    elif isinstance(value, torch.Tensor) and isinstance(tree, torch.Tensor):
        with torch.no_grad():
            value.copy_(tree) if value.shape == tree.shape else value.set_(tree.to(value))  # type: ignore[call-overload]
    else:
        return _plain(value, tree, device)
    return value


def _plain(value: Any, tree: Any, device: torch.device) -> Any:
    if isinstance(tree, dict):
        if set(tree) == {_ARCHITECTURE}:
            return Architecture(tuple((choice, option) for choice, option in tree[_ARCHITECTURE]))
        old = value if isinstance(value, dict) else {}
        return {key: load_tree(old.get(key), saved, device) for key, saved in tree.items()}
    if isinstance(tree, list):
        before = value if isinstance(value, list | tuple | deque) else ()
        pairs = zip([*before, *([None] * len(tree))], tree, strict=False)
        items = [load_tree(item, saved, device) for item, saved in pairs]
        if isinstance(value, deque):
            return deque(items, value.maxlen)
        return tuple(items) if isinstance(value, tuple) else items
    return tree.to(device) if isinstance(tree, torch.Tensor) else tree
