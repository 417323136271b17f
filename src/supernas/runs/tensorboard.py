"""Metrics of every epoch as TensorBoard events, beside the lines of `metrics.jsonl`."""

from collections.abc import Callable
from pathlib import Path

from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.runs.loop import EpochReport

__all__ = ["tensorboard_writer"]


def tensorboard_writer(folder: Path) -> Callable[[EpochReport], None]:
    """A listener that writes events to a run folder.

    Raises:
        UserError: if TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(f"{option('tensorboard', True)} needs tensorboard: pip install tensorboard") from None
    writer = SummaryWriter(str(folder))

    def write(epoch: EpochReport) -> None:
        for name, value in epoch.metrics.items():
            writer.add_scalar(name, value, epoch.epoch)
        writer.flush()

    return write
