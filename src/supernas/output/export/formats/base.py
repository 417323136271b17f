"""What a format is, and the traced program that several of them begin with."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from torch.export import Dim, ExportedProgram

from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.output.export.trained import Trained

__all__ = ["Format", "check_traceable", "traced"]


class Format(ABC):
    """A way to write a trained network.

    Attributes:
        opens: the function of the template `predict_image` that opens what was written.
        reader: Python source of `predict(folder, inputs)`, which reads what was written and gives the network's output.
            It runs where this package cannot be imported.
    """

    opens: ClassVar[str]
    reader: ClassVar[str]

    @abstractmethod
    def check(self, trained: Trained) -> None:
        """Whether this network can be written here.

        Raises:
            UserError: if not, with the reason.
        """

    @abstractmethod
    def write(self, trained: Trained, folder: Path) -> tuple[str, ...]:
        """Writes the network into a folder, and says which files, the most important first."""


def check_traceable(trained: Trained) -> None:
    """Whether a program of plain operations can hold the network.

    Raises:
        UserError: if it goes on from a hidden state.
    """
    with torch.no_grad():
        recurrent = trained.model.output(trained.examples).carry is not None
    if recurrent:
        raise UserError(
            "a recurrent network reads texts of any length and goes on from a hidden state, which a traced program "
            f"does not: take {option('format', 'pytorch')}"
        )


def traced(trained: Trained) -> ExportedProgram:
    """The network as a program of plain operations, for batches of any size."""
    two = torch.cat([trained.examples[:1]] * 2)  # a batch of one would be taken for a constant
    with torch.no_grad():
        return torch.export.export(trained.model, (two,), dynamic_shapes={"x": {0: Dim("batch")}})
