"""TensorBoard: event files, which `tensorboard --logdir RUN` shows."""

import json
from pathlib import Path

from supernas.core.documents import Document
from supernas.runs.trackers.base import Numbers, Tracker

__all__ = ["TensorBoard"]


class TensorBoard(Tracker):
    """Event files for TensorBoard."""

    module = "torch.utils.tensorboard"

    def __init__(self, folder: Path, name: str, document: Document) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer, self.last = SummaryWriter(str(folder)), 0
        self.writer.add_text("config", f"```\n{json.dumps(document, indent=2)}\n```")

    def write(self, epoch: int, values: Numbers) -> None:
        """A point of each curve, at the epoch's number."""
        self.last = epoch
        for name, value in values.items():
            self.writer.add_scalar(name, value, epoch)
        self.writer.flush()

    def close(self, outcome: Numbers) -> None:
        """Numbers of the end are curves of one point, in the group `result`."""
        for name, value in outcome.items():
            self.writer.add_scalar(f"result/{name}", value, self.last)
        self.writer.close()
