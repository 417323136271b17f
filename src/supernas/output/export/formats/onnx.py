"""`onnx`: for other run-times than PyTorch."""

import json
import logging
import warnings
from importlib.util import find_spec
from pathlib import Path

import torch

from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.output.export.about import metadata
from supernas.output.export.formats.base import Format, check_traceable, traced
from supernas.output.export.trained import Trained

__all__ = ["ONNX"]

_LIBRARIES = ("onnx", "onnxscript", "onnxruntime")


class ONNX(Format):
    """An ONNX model with its weights; its input is called `images`, its output `logits`; what they mean is JSON in its
    metadata.
    """

    opens = "open_onnx"
    reader = """
import onnxruntime
import torch


def predict(folder, inputs):
    session = onnxruntime.InferenceSession(folder / "network.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    return torch.from_numpy(logits)
"""

    def check(self, trained: Trained) -> None:
        """ONNX's libraries must be there, and the network hold no state."""
        check_traceable(trained)
        missing = [library for library in _LIBRARIES if find_spec(library) is None]
        if missing:
            raise UserError(
                f"{option('format', 'onnx')} needs {' and '.join(missing)}: pip install {' '.join(missing)}"
            )

    def write(self, trained: Trained, folder: Path) -> tuple[str, ...]:
        """The model, weights included."""
        log = logging.getLogger("torch.onnx")
        level = log.level
        log.setLevel(logging.ERROR)  # it misses torchvision, which no network here uses
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations among torch's own parts
                program = torch.onnx.export(
                    traced(trained),
                    dynamo=True,
                    input_names=["images"],
                    output_names=["logits"],
                    verbose=False,
                )
            assert program is not None
            about = {name: json.dumps(value) for name, value in metadata(trained).items()}
            program.model.metadata_props.update(about)
            program.save(folder / "network.onnx", external_data=False)
        finally:
            log.setLevel(level)
        return ("network.onnx",)
