"""How far a run has come."""

from dataclasses import dataclass

__all__ = ["END", "Progress"]


@dataclass(frozen=True)
class Progress:
    """A place in a run: `step` of `steps` in all, `epoch` of `epochs`; both count from 0."""

    step: int
    steps: int
    epoch: int
    epochs: int

    @property
    def fraction(self) -> float:
        """The part of the steps that is done, from 0 to 1."""
        return self.step / self.steps


END = Progress(1, 1, 1, 1)
"""The end of any run: what moves with the progress has arrived."""
