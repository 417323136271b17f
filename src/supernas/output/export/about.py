"""What who uses an exported network must know of it: for `export.json`, and within programs."""

from supernas.core.documents import Document
from supernas.output.export.image_helper import preparation
from supernas.output.export.trained import Trained

__all__ = ["about", "metadata"]

_TAKEN = ("space", "architecture", "data", "seed", "epochs", "parameters", "flops", "metric")


def about(trained: Trained) -> Document:
    """What the network is, how good it was found, what it reads, and how an image file becomes that."""
    return {
        **{name: trained.record.get(name) for name in _TAKEN},
        **trained.measured,
        "inputs": dict(trained.facts),
        "preparation": preparation(trained),
    }


def metadata(trained: Trained) -> Document:
    """The same without tables for the inputs and the preparation: `classes`, `mean` and so on are entries."""
    flat = about(trained)
    return {**flat.pop("inputs"), **flat.pop("preparation"), **flat}
