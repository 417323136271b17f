"""What is to be learnt: the loss that trains, the metric that judges, and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

__all__ = ["CLASSIFICATION", "Task", "classification", "top5_accuracy"]


@dataclass(frozen=True)
class Task:
    """A loss and a metric over (prediction, target), both means over a batch.

    Attributes:
        name: what `result.json` calls it.
        loss: differentiable, to be minimised.
        metric: reported; `metric_name` is its name and unit.
        direction: whether a good metric is large (`max`) or small (`min`).
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    metric: Callable[[Tensor, Tensor], Tensor]
    metric_name: str
    direction: Literal["max", "min"] = "max"

    def better(self, one: float, other: float) -> bool:
        """Whether metric `one` is better than `other`."""
        return one > other if self.direction == "max" else one < other


def accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """Top-1 accuracy in percent, of logits [batch, classes] against labels [batch]."""
    return (prediction.argmax(dim=1) == target).float().mean() * 100


def top5_accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """How often the label is among the five largest logits, in percent; 100 where there are five classes or fewer."""
    largest = prediction.topk(min(5, prediction.shape[1]), dim=1).indices
    return (largest == target[:, None]).any(dim=1).float().mean() * 100


def classification(label_smoothing: float = 0.0) -> Task:
    """Cross entropy, judged by top-1 accuracy in percent."""

    def loss(prediction: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(prediction, target, label_smoothing=label_smoothing)

    return Task("classification", loss, accuracy, "accuracy_percent")


CLASSIFICATION = classification()
