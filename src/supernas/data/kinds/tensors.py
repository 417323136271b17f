"""Data that are given in Python, as arrays: any inputs, any targets, any task."""

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.data.datasets import Dataset
from supernas.data.kinds.base import DataKind, DataShape

__all__ = ["TensorSettings"]


@settings
class TensorSettings(DataKind):
    """Arrays that are given in Python: a configuration only knows what they are called."""

    source: str = setting("arrays", "what the data are called")

    def load(self) -> Dataset:
        """They cannot be loaded."""
        raise UserError(f"the data '{self.source}' were given in Python; give them again: data=(inputs, targets)")

    @classmethod
    def usual_shape(cls, classes: int | None, resolution: int | None) -> DataShape:
        """There are none."""
        raise UserError("data that are given in Python have no published size")
