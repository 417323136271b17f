"""The last few candidates of a choice, trained for a short time by successive halving.

Every round trains those that still stand, each from its own beginning and with a whole schedule of its own (the
learning rate falls to its end within the round), for twice as long as the round before; the better half on the
validation images stays. So a run folder of a round is an ordinary training, and a round that was broken off goes on
where it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.runs.configuration import TrainConfig
from supernas.runs.training import Training, train_each
from supernas.spaces.search_strategies import successive_halving

__all__ = ["HalvingResult", "train_by_halving"]


@dataclass(frozen=True)
class HalvingResult:
    """How a successive halving ended.

    Attributes:
        winner: the last one standing.
        accuracy: its validation accuracy after the last round, in percent.
        epochs: of the last round's trainings.
        rounds: of every round the epochs, and of all that it trained text, accuracy and the run folder's name.
    """

    winner: Architecture
    accuracy: float
    epochs: int
    rounds: list[Document]


def train_by_halving(
    training: TrainConfig,
    candidates: Sequence[Architecture],
    folder: Path,
    on_start: Callable[[Training], None] | None = None,
) -> HalvingResult:
    """Trains two or more candidates by successive halving until one is left.

    Args:
        training: how they are trained, with `train.split`; `train.epochs` is that of the first round.
        candidates: the best guess first: of equals the earlier one stays.
        folder: where the run folders go.
        on_start: called with each training before it runs.

    Raises:
        UserError: as `Training` does.
    """
    halving = successive_halving(candidates, training.train.epochs)
    standing, epochs = next(halving)
    rounds = []
    while True:
        this_round = replace(training, train=replace(training.train, epochs=epochs))
        results = train_each(this_round, standing, folder, on_start=on_start)
        accuracies = [float(result.record["valid_accuracy"]) for result in results]
        trained = [
            {"architecture": result.text, "valid_accuracy": accuracy, "run": result.folder.name}
            for result, accuracy in zip(results, accuracies, strict=True)
        ]
        rounds.append({"epochs": epochs, "trained": trained})
        by_architecture = dict(zip(standing, accuracies, strict=True))
        try:
            standing, epochs = halving.send(accuracies)
        except StopIteration as end:
            return HalvingResult(end.value, by_architecture[end.value], epochs, rounds)
