"""`pt2`: a `torch.export` program, which PyTorch loads without the source of the network."""

import io
import json
from pathlib import Path

import torch

from supernas.output.export.about import metadata
from supernas.output.export.formats.base import Format, check_traceable, traced
from supernas.output.export.trained import Trained

__all__ = ["PT2"]


class PT2(Format):
    """A program with its weights, and what its inputs and outputs mean as its extra file `metadata.json`."""

    opens = "open_program"
    reader = """
import torch


def predict(folder, inputs):
    return torch.export.load(folder / "network.pt2").module()(inputs)
"""

    def check(self, trained: Trained) -> None:
        """It must hold no state."""
        check_traceable(trained)

    def write(self, trained: Trained, folder: Path) -> tuple[str, ...]:
        """The program."""
        about = {"metadata.json": json.dumps(metadata(trained), indent=2)}
        content = io.BytesIO()  # torch says of a full disk that its own archive is broken
        torch.export.save(traced(trained), content, extra_files=about)
        (folder / "network.pt2").write_bytes(content.getbuffer())
        return ("network.pt2",)
