"""Weights & Biases, offline: `wandb sync RUN/trackers/wandb/wandb/offline-run-*` uploads what lies there.

A run keeps its identifier as long as its folder and its configuration are the same, so that what is uploaded after a
resumption takes the place of what was uploaded before.
"""

import hashlib
import json
import os
from pathlib import Path

from supernas.core.documents import Document
from supernas.runs.trackers.base import Numbers, Tracker

__all__ = ["WandB"]


class WandB(Tracker):
    """Offline runs of Weights & Biases."""

    module = "wandb"

    def __init__(self, folder: Path, name: str, document: Document) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # which would use the network
        import wandb

        folder.mkdir()
        self.run = wandb.init(
            mode="offline",
            dir=str(folder),
            project="supernas",
            id=hashlib.sha256(f"{folder} {json.dumps(document, sort_keys=True)}".encode()).hexdigest()[:12],
            name=name,
            config=document,
            reinit="create_new",  # a program that uses it on its own keeps its run
            settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False),
        )

    def write(self, epoch: int, values: Numbers) -> None:
        """A row of its history."""
        self.run.log(dict(values), step=epoch)

    def close(self, outcome: Numbers) -> None:
        """Numbers of the end are in its summary."""
        self.run.summary.update({f"result/{name}": value for name, value in outcome.items()})
        self.run.finish()
