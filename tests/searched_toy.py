"""Finished searches of a second, on digits averaged down to 4 x 4 pixels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supernas.core.documents import Document
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Result, Search

RANDOM = {"name": "random-nas", "candidates": 2, "glance": 1}


def finished(folder: Path, method: Mapping[str, Any] = RANDOM, **supernet: Any) -> Result:
    """A search of 30 steps: 200 training and 200 validation images."""
    return Search(resolve_search(searched(method, **supernet)), folder).run()


def searched(method: Mapping[str, Any] = RANDOM, **supernet: Any) -> Document:
    """Its configuration."""
    return {
        "method": dict(method),
        "supernet": {"channels": 3, "cells": 1, **supernet},
        "data": {"source": "digits", "train_size": 400, "resolution": 4},
        "search": {"epochs": 3, "batch_size": 20, "validation_images": 40, "device": "cpu"},
    }
