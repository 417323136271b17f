"""Windows of a text: an endless stream for training, one ordered pass for evaluation.

A text is cut into `columns` equally long pieces that are read side by side; a batch is a window of some time steps of
all of them, and the next one goes on where it ended. The state of a stream is its place and one random generator.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Int64
from torch import Tensor

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.ranks import mine
from supernas.data.batch import Batch

__all__ = ["TextStream", "windows"]

_SHORTEST = 5  # time steps of a window, and the most by which it is longer than usual: AWD-LSTM's
_LONGER = 20


class TextStream:
    """Endless windows of a text, whose lengths vary from pass to pass so that words meet in other windows.

    The usual length is `bptt`, or with probability `halve` half of it; the length is drawn from a normal distribution
    around that (S. Merity, N. S. Keskar and R. Socher, "Regularizing and Optimizing LSTM Language Models", ICLR 2018,
    section 5).
    What is left at the end of a pass and shorter than five time steps is left out.

    Args:
        text: word numbers [words].
        columns: pieces that are read side by side; fewer where they would be shorter than one window.
        bptt: time steps of a usual window.
        halve: probability of half the usual length.
        deviation: standard deviation of the length, in time steps; 0 for none.
        seed: decides the lengths.
        device: where the text is kept.

    Attributes:
        batch_size: pieces that are read side by side, on all devices together.

    Raises:
        UserError: if the text is shorter than one window.
    """

    def __init__(
        self,
        text: Int64[Tensor, " words"],
        columns: int,
        *,
        bptt: int = 35,
        halve: float = 0.05,
        deviation: float = 0.0,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.bptt, self._halve, self._deviation = bptt, halve, deviation
        most = len(text) // (bptt + 1)
        if most < 1:
            raise UserError(f"a text of {len(text)} words is shorter than a window of {bptt} and the word after it")
        self.batch_size = min(columns, most)
        self._rows = mine(side_by_side(text, self.batch_size), dim=1).to(device)
        self._generator = torch.Generator().manual_seed(seed)
        self._position = 0

    @property
    def steps_per_epoch(self) -> int:
        """Windows of usual length in a pass: as many as a pass has on average."""
        usual = self.bptt - self._halve * (self.bptt - self.bptt // 2)
        return max(1, round((len(self._rows) - 1) / usual))

    def __iter__(self) -> "TextStream":
        return self

    def __next__(self) -> Batch:
        length = self._length()
        if len(self._rows) - 1 - self._position < _SHORTEST:
            self._position = 0
        start, end = self._position, min(self._position + length, len(self._rows) - 1)
        self._position = end
        share = (end - start) / self.bptt
        return Batch(self._rows[start:end], self._rows[start + 1 : end + 1], share, follows=start > 0)

    def _length(self) -> int:
        halved, spread = torch.rand(1, generator=self._generator), torch.randn(1, generator=self._generator)
        usual = self.bptt // 2 if float(halved) < self._halve else self.bptt
        drawn = usual + round(self._deviation * float(spread))
        return min(max(drawn, _SHORTEST), self.bptt + _LONGER)

    def state_dict(self) -> dict[str, Tensor | int]:
        """Where the stream stands; `load_state_dict` of an equally made stream goes on from there bit for bit."""
        return {"rows": len(self._rows), "position": self._position, "generator": self._generator.get_state()}

    def load_state_dict(self, state: Values) -> None:
        """Go to where `state_dict` was taken.

        Raises:
            UserError: if the state is of a stream over another text or with other columns.
        """
        if state["rows"] != len(self._rows):
            raise UserError(
                f"the saved stream has {state['rows']} time steps, this one {len(self._rows)}; "
                "resume with the text and batch size of the saved run"
            )
        self._position = int(state["position"])
        self._generator.set_state(state["generator"].cpu())


def windows(
    text: Int64[Tensor, " words"],
    columns: int,
    *,
    bptt: int = 35,
    limit: int | None = None,
    number: int = 0,
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """A text once, in windows of `bptt` time steps; the last may be shorter.

    Args:
        text: word numbers [words].
        columns: pieces that are read side by side; fewer where they would have no word to predict.
        bptt: time steps of a window.
        limit: no more than so many time steps (and one at least).
        number: of the stretches of that length that the columns fall into; it goes round.
        device: where the windows are.

    Raises:
        UserError: if there is no word to predict.
    """
    if len(text) < 2:
        raise UserError(f"a text of {len(text)} words has no next word to predict")
    rows = side_by_side(text, min(columns, len(text) // 2))
    length = len(rows) - 1 if limit is None else min(len(rows) - 1, max(limit, 1))
    begin = number % ((len(rows) - 1) // length) * length
    for start in range(begin, begin + length, bptt):
        part = rows[start : min(start + bptt, begin + length) + 1].to(device)
        yield Batch(part[:-1], part[1:], (len(part) - 1) / bptt, follows=start > begin)


def side_by_side(text: Int64[Tensor, " words"], columns: int) -> Int64[Tensor, "time columns"]:
    """The text in equally long pieces, one a column; the words left over at the end are left out."""
    time = len(text) // columns
    return text[: time * columns].view(columns, time).t().contiguous()
