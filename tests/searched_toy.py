"""Finished searches of a second, on digits averaged down to 4 x 4 pixels."""

from pathlib import Path

from supernas.runs.configuration import resolve_search
from supernas.runs.search import Result, Search


def finished(folder: Path, **supernet) -> Result:
    """A search of 30 steps: 200 training and 200 validation images."""
    config = resolve_search(
        {
            "method": {"name": "random-nas", "candidates": 2, "glance": 1},
            "supernet": {"channels": 3, "cells": 1, **supernet},
            "data": {"source": "digits", "train_size": 400, "resolution": 4},
            "search": {"epochs": 3, "batch_size": 20, "validation_images": 40, "device": "cpu"},
        }
    )
    return Search(config, folder).run()
