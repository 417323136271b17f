"""What a format is, and the traced program that several of them begin with."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from torch.export import Dim, ExportedProgram

from supernas.export.trained import Trained

__all__ = ["Format", "traced"]


class Format(ABC):
    """A way to write a trained network.

    Attributes:
        files: what it writes, the most important first.
        reader: Python source of `predict(folder, inputs)`, which reads these files and gives the network's output. It
            runs where this package cannot be imported.
    """

    files: ClassVar[tuple[str, ...]]
    reader: ClassVar[str]

    @abstractmethod
    def check(self, trained: Trained) -> None:
        """Whether this network can be written here.

        Raises:
            UserError: if not, with the reason.
        """

    @abstractmethod
    def write(self, trained: Trained, folder: Path) -> None:
        """Writes the files into a folder."""


def traced(trained: Trained) -> ExportedProgram:
    """The network as a program of plain operations, for batches of any size."""
    two = torch.cat([trained.examples[:1]] * 2)  # a batch of one would be taken for a constant
    with torch.no_grad():
        return torch.export.export(trained.model, (two,), dynamic_shapes={"x": {0: Dim("batch")}})
