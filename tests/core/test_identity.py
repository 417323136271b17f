"""The digest of a user's code: another for whatever decides a result, and the same for the rest, in any process."""

import functools
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import supernas
from supernas.core.identity import digest_of

SCRIPT = """
import torch
from torch import nn
from torch.nn import functional as F

RATE = 0.5
SIZES = {"width": 8, "names": {"a", "b", "c", "d"}}

def helper(x):
    # a comment
    return x * RATE if "a" in SIZES["names"] else x

class Base(nn.Module):
    scale = 2.0
    def last(self, x):
        return F.relu(x) * self.scale

class Net(Base):
    def __init__(self, width=4):
        super().__init__()
        self.layer = nn.Linear(width, width)
        self.act = F.relu
        self.mask = [1, 0, 1]
    def forward(self, x):
        return self.last(helper(self.layer(self.act(x))))
"""
CHANGES = [
    ("RATE = 0.5", "RATE = 0.25"),
    ('"width": 8', '"width": 9'),
    ("x * RATE", "x + RATE"),
    ("scale = 2.0", "scale = 3.0"),
    ("F.relu(x)", "F.tanh(x)"),
    ("width=4", "width=5"),
    ("self.act = F.relu", "self.act = F.gelu"),
    ("[1, 0, 1]", "[1, 1, 1]"),
    ("nn.Linear(width, width)", "nn.Linear(width, width, bias=False)"),
    ("helper(self.layer(", "(self.layer("),
]


def made(text):
    """The digest of the class in a script, and of one of its modules."""
    names = {"__name__": "script"}
    exec(compile(text, "script.py", "exec"), names)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return digest_of((names["Net"], names["Net"]()))


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_whatever_the_code_uses_counts(old, new):
    assert old in SCRIPT
    assert made(SCRIPT.replace(old, new)) != made(SCRIPT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another one"),
        ("import torch\n", "import torch\n\n\n"),
        ("RATE = 0.5", "UNUSED = 1\nRATE = 0.5"),
    ],
)
def test_what_it_does_not_use_does_not_count(old, new):
    assert made(SCRIPT.replace(old, new)) == made(SCRIPT)


def test_processes_agree():
    program = f"{SCRIPT}\nfrom supernas.core.identity import digest_of\nprint(digest_of((Net, helper, SIZES)))"
    environment = dict(os.environ)
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment | seed)
        for seed in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    ]
    first, second = (run.stdout for run in runs)
    assert first == second
    assert len(first.strip()) == 8


@dataclass
class Noise:
    """An object that is called."""

    size: float

    def __call__(self, inputs, generator):
        return inputs + self.size


@dataclass(slots=True)
class Slots:
    size: float


def enclosing(value):
    return lambda x: x * value


def loop():
    inner: list = [1]
    inner.append(inner)
    return inner


PAIRS = {
    "enclosed values": (enclosing(1), enclosing(2)),
    "objects": (Noise(0.1), Noise(0.2)),
    "their slots": (Slots(0.1), Slots(0.2)),
    "methods": (Noise(0.1).__call__, Noise(0.2).__call__),
    "partial": (functools.partial(F.cross_entropy, reduction="sum"), functools.partial(F.cross_entropy)),
    "tensors": (enclosing(torch.ones(3)), enclosing(torch.zeros(3))),
    "half numbers": (torch.ones(3).bfloat16(), torch.zeros(3).bfloat16()),
    "arrays": (np.arange(3), np.arange(3)[::-1]),
    "types of numbers": (torch.zeros(1), torch.zeros(1).double()),
    "modules of torch": (nn.CrossEntropyLoss(weight=torch.ones(2)), nn.CrossEntropyLoss(weight=torch.zeros(2))),
    "frozen weights": (nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1), requires_grad=False)),
    "tasks of this library": (vars(supernas.classification(0.1)), vars(supernas.classification(0.2))),
    "library functions": (F.relu, F.gelu),
    "cached functions": (functools.lru_cache(enclosing(1)), functools.lru_cache(enclosing(2))),
    "order": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "numbers and texts": (1, "1"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_values_that_differ(name):
    one, other = PAIRS[name]
    assert digest_of(one) != digest_of(other)
    assert digest_of(one) == digest_of(one)


def test_sets_have_no_order_and_a_list_may_hold_itself():
    assert digest_of({"x", "y", "z"}) == digest_of({"z", "y", "x"})
    assert digest_of(loop()) == digest_of(loop())


def test_a_global_that_only_shares_an_attributes_name_does_not_count():
    text = "class A:\n  def forward(self, x):\n    return self.model(x)\n"
    digests = []
    for more in ("", "model = 3\n"):
        names = {"__name__": "script"}
        exec(more + text, names)
        digests.append(digest_of(names["A"]))
    assert digests[0] == digests[1]
