"""`pytorch`: one readable Python file and its weights, which need torch and safetensors and nothing else."""

from pathlib import Path

from safetensors.torch import save

from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.output.export.families import writer
from supernas.output.export.formats.base import Format
from supernas.output.export.trained import Trained

__all__ = ["PyTorch"]


class PyTorch(Format):
    """Source and weights."""

    opens = "open_source"
    reader = """
import importlib.util


def predict(folder, inputs):
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    output = module.load()(inputs)
    return output[0] if isinstance(output, tuple) else output  # a recurrent network gives its state too
"""

    def check(self, trained: Trained) -> None:
        """Somebody must know how to write this network as source."""
        network = type(trained.model.network)
        if writer(network) is None:
            raise UserError(
                f"nobody has written down how a {network.__name__} reads as source, so format pytorch is not to be had "
                f"for it; take {option('format', 'pt2')} or {option('format', 'onnx')}"
            )

    def write(self, trained: Trained, folder: Path) -> tuple[str, ...]:
        """The source, the weights under its names, and what else it reads."""
        family = writer(type(trained.model.network))
        assert family is not None
        texts = {"network.py": family.source(trained), **family.texts(trained)}
        for name, text in texts.items():
            folder.joinpath(name).write_text(text, encoding="utf-8")
        folder.joinpath("weights.safetensors").write_bytes(save(family.weights(trained)))
        return (*texts, "weights.safetensors")
