"""What a step takes, and where the steps get it from."""

from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float32, Int64
from torch import Tensor

from supernas.core.documents import Values

__all__ = ["Batch", "Stream", "even_batch"]


class Batch(NamedTuple):
    """Inputs and targets; of a training batch this device's part.

    Attributes:
        inputs: images float32 [b, c, h, w], normalised, channels last; of a text word numbers int64 [time, b].
        targets: labels int64 [b]; of a text the words that follow, int64 [time, b].
        share: the size of the batch as a part of a usual one; a step is that much longer or shorter.
        follows: whether it goes on where the batch before ended, so that a hidden state may be carried over.
    """

    inputs: Float32[Tensor, "b c h w"] | Int64[Tensor, "time b"]
    targets: Int64[Tensor, " b"] | Int64[Tensor, "time b"]
    share: float = 1.0
    follows: bool = False

    def parts(self, count: int) -> "list[Batch]":
        """So many consecutive parts of the images, as even as can be; some are empty where there are fewer images."""
        pairs = zip(self.inputs.tensor_split(count), self.targets.tensor_split(count), strict=True)
        return [self._replace(inputs=inputs, targets=targets) for inputs, targets in pairs]


def even_batch(examples: int, batch_size: int) -> int:
    """The size of the training batches of so many examples: as asked, or smaller and even, where more than a tenth of
    the examples would otherwise be left out of every pass.

    >>> even_batch(1000, 64), even_batch(80, 64), even_batch(20, 64)
    (64, 40, 20)
    """
    batch_size = min(batch_size, examples)
    if 10 * (examples % batch_size) <= examples:
        return batch_size
    return examples // -(-examples // batch_size)


@runtime_checkable
class Stream(Protocol):
    """Endless batches, which go on bit for bit from a saved state."""

    @property
    def batch_size(self) -> int:
        """Examples in a batch (of a text: pieces that are read side by side); perhaps fewer than were asked for."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the data (on average)."""

    def __next__(self) -> Batch:
        """The next batch."""

    def state_dict(self) -> Values:
        """Where the stream stands."""

    def load_state_dict(self, state: Values) -> None:
        """Go to where `state_dict` was taken."""
