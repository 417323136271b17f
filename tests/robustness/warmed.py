"""Imported once, by the process that is forked for every command: what a command could need is there already."""

import contextlib
import importlib
import pkgutil

import torch

import supernas

torch.set_num_threads(1)
for module in pkgutil.walk_packages(supernas.__path__, "supernas."):
    if "templates" not in module.name and not module.name.endswith("__main__"):
        with contextlib.suppress(ImportError):  # a format of an export needs what is not installed
            importlib.import_module(module.name)
for name in (
    "torch._dynamo",
    "matplotlib.pyplot",
    "sklearn.datasets",
    "PIL.PngImagePlugin",
    "scipy.stats",
    "pooch",
    "jinja2",
):
    importlib.import_module(name)
