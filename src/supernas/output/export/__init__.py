"""Trained networks for use elsewhere: as readable PyTorch, as a `torch.export` program, as ONNX."""

from supernas.output.export.image_helper import HELPER
from supernas.output.export.write import Exported, export

__all__ = ["HELPER", "Exported", "export"]
