"""A small ResNet of your own: the kernel size of every block and whether it keeps its shortcut are searched.

Run it: `python examples/resnet_kernels.py`. The data are scikit-learn's digits, 1,797 images of 8x8.
"""

from sklearn.datasets import load_digits
from torch import nn

import supernas


class Block(nn.Module):
    """relu(norm(conv(x)) + shortcut(x)), in which both parts are choices."""

    def __init__(self, name, channels):
        super().__init__()
        kernels = {f"{k}x{k}": nn.Conv2d(channels, channels, k, padding=k // 2, bias=False) for k in (1, 3, 5)}
        self.conv = supernas.Choice(f"{name}-kernel", kernels)
        self.norm = nn.BatchNorm2d(channels)
        self.shortcut = supernas.Choice(f"{name}-shortcut", {"keep": nn.Identity(), "drop": Zero()})

    def forward(self, x):
        return (self.norm(self.conv(x)) + self.shortcut(x)).relu()


class Zero(nn.Module):
    """No shortcut."""

    def forward(self, x):
        return x * 0


class SmallResNet(nn.Module):
    """Three blocks between a stem and a linear classifier."""

    def __init__(self, channels=8, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(Block(f"block{number}", channels) for number in (1, 2, 3)))
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x):
        return self.classifier(self.blocks(self.stem(x)).mean(dim=(2, 3)))


def main(folder="runs/resnet-kernels", method="gdas", epochs=20):
    """Searches, trains what was found from scratch; (search, training, the found network as a plain module)."""
    digits = load_digits()
    images, labels = digits.images[:, None] / 16.0, digits.target
    data = supernas.Data(train=(images[:1500], labels[:1500]), test=(images[1500:], labels[1500:]), name="digits")
    space = supernas.ModelSpace(SmallResNet)
    found = supernas.search(space=space, method=method, data=data, epochs=epochs, out=f"{folder}/search")
    trained = supernas.train(found.text, space=space, data=data, epochs=epochs, out=f"{folder}/train")
    return found, trained, space.build(found.architecture, weights=trained.model)


if __name__ == "__main__":
    found, trained, model = main()
    print(found.text)
    print(f"test accuracy {trained.test_metric:.2f} %")
    print(model)
