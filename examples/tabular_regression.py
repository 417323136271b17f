"""Not images: a network for a table of numbers, with its own loss. Activation, width and depth are searched.

Run it: `python examples/tabular_regression.py`. The data are scikit-learn's diabetes table: 442 patients, 10 numbers.
"""

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.nn import functional as F

import supernas

WIDTH = 32


def bottleneck(width):
    """A layer that goes through `width` units."""
    return nn.Sequential(nn.Linear(WIDTH, width), nn.ReLU(), nn.Linear(width, WIDTH))


class Net(nn.Module):
    """Ten numbers in, one out."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(10, WIDTH)
        activations = {"relu": nn.ReLU(), "tanh": nn.Tanh(), "gelu": nn.GELU()}
        self.activation = supernas.Choice("activation", activations)
        self.width = supernas.Choice("width", {str(width): bottleneck(width) for width in (4, 16, 64)})
        self.depth = supernas.Choice("depth", {"one-more": nn.Linear(WIDTH, WIDTH), "none-more": nn.Identity()})
        self.last = nn.Linear(WIDTH, 1)

    def forward(self, x):
        return self.last(self.depth(self.width(self.activation(self.first(x))))).squeeze(1)


def task():
    """A loss that outliers do not rule, judged by the mean absolute error."""
    return supernas.Task(
        "progression",
        loss=lambda prediction, target: F.huber_loss(prediction, target),
        metric=lambda prediction, target: (prediction - target).abs().mean(),
        metric_name="mean_absolute_error",
        direction="min",
        quantity="error",
    )


def main(folder="runs/tabular-regression", method="darts", epochs=30):
    """Searches and trains; (search, training)."""
    table = load_diabetes()
    inputs = torch.as_tensor(table.data / table.data.std(axis=0))
    targets = torch.as_tensor((table.target - table.target.mean()) / table.target.std())
    data = supernas.Data(train=(inputs[:350], targets[:350]), test=(inputs[350:], targets[350:]), name="diabetes")
    space = supernas.ModelSpace(Net)
    common = {"space": space, "data": data, "task": task(), "epochs": epochs, "set": ["weights.lr=0.01"]}
    found = supernas.search(**common, method=method, out=f"{folder}/search")
    trained = supernas.train(found.text, **common, out=f"{folder}/train")
    return found, trained


if __name__ == "__main__":
    found, trained = main()
    print(found.text)
    print(f"mean absolute error {trained.test_metric:.3f} standard deviations")
