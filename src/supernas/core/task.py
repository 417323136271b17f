"""What is to be learnt: the loss that trains, the metric that judges, and which way is better."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from supernas.core.errors import UserError

__all__ = ["CLASSIFICATION", "Judge", "Task", "classification", "language_modelling", "regression", "top5_accuracy"]

Judge = Callable[[Tensor, Tensor], Tensor]
"""(prediction, target) -> a scalar, the mean over a batch."""


@dataclass(frozen=True)
class Task:
    """A loss and a metric over (prediction, target), both means over a batch.

    Attributes:
        name: what `result.json` calls it.
        loss: differentiable, to be minimised.
        metric: reported; `metric_name` is its name and unit.
        direction: whether a good metric is large (`max`) or small (`min`).
        quantity: what the metric is in one word, as in `test_accuracy`.
        unit: what stands behind its value.
        finish: what is done to the mean of the metric over all batches before anybody sees it.
        others: further metrics of a finished training, by name.
        over_classes: whether targets are numbers of classes, of which a prediction [batch, classes] has a logit each.
    """

    name: str
    loss: Judge
    metric: Judge
    metric_name: str
    direction: Literal["max", "min"] = "max"
    quantity: str = "metric"
    unit: str = ""
    finish: Callable[[float], float] = float
    others: Mapping[str, Judge] = field(default_factory=dict)
    over_classes: bool = False

    def text(self, value: float) -> str:
        """A value of the metric, for people."""
        return f"{value:.2f}{self.unit}"

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

    others = {"top5_accuracy": top5_accuracy}
    return Task(
        "classification",
        loss,
        accuracy,
        "accuracy_percent",
        quantity="accuracy",
        unit=" %",
        others=others,
        over_classes=True,
    )


def language_modelling(label_smoothing: float = 0.0) -> Task:
    """Cross entropy a word, of logits [words, vocabulary] against word numbers [time, batch]; judged by perplexity.

    Perplexity is exp(mean cross entropy), so it is the cross entropy that is averaged over batches.
    """

    def loss(prediction: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(prediction, target.flatten(), label_smoothing=label_smoothing)

    def nats(prediction: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(prediction, target.flatten())

    return Task(
        "language-modelling",
        loss,
        nats,
        "perplexity",
        direction="min",
        quantity="perplexity",
        finish=_perplexity,
        over_classes=True,
    )


def regression() -> Task:
    """Mean squared error, of predictions [batch] or [batch, outputs] against targets of that shape."""

    def squared(prediction: Tensor, target: Tensor) -> Tensor:
        if prediction.numel() != target.numel():
            given, wanted = list(prediction.shape), list(target.shape)
            raise UserError(f"the model predicts numbers of shape {given}, and the targets have {wanted}")
        return F.mse_loss(prediction.reshape(target.shape), target)

    return Task("regression", squared, squared, "mean_squared_error", direction="min", quantity="error")


def _perplexity(nats: float) -> float:
    return math.exp(min(nats, 700.0))  # a number, however bad


CLASSIFICATION = classification()
