"""Residual networks for small images, which give their penultimate embedding with their prediction.

K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, in the form that is usual
for 32x32 images: a 3x3 convolution in place of the large first one, no pooling at the start, and 1x1 convolutions in
the shortcuts whose shape changes.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["ResNet"]


class ResNet(nn.Module):
    """Basic blocks in stages; every stage but the first halves the resolution.

    Args:
        widths: channels of each stage.
        blocks: in each stage.
        num_classes: outputs of the classifier.
        in_channels: channels of the images.
        tracked: whether normalisations keep running averages; if not, they use those of the batch, always.
    """

    def __init__(
        self,
        widths: Sequence[int],
        blocks: int = 1,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        tracked: bool = False,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0], track_running_stats=tracked)
        before = [widths[0], *widths]
        self.body = nn.Sequential(
            *(
                _Block(width if block else before[stage], width, 2 if stage and not block else 1, tracked)
                for stage, width in enumerate(widths)
                for block in range(blocks)
            )
        )
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [batch, classes] and pooled features [batch, last width] of images [batch, channels, h, w]."""
        features = self.body(F.relu(self.stem_norm(self.stem(x)))).mean(dim=(2, 3))
        return self.classifier(features), features


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int, tracked: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after, track_running_stats=tracked)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after, track_running_stats=tracked)
        self.shortcut: nn.Module = nn.Identity()
        if before != after or stride > 1:
            norm = nn.BatchNorm2d(after, track_running_stats=tracked)
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), norm)

    def forward(self, x: Tensor) -> Tensor:
        main = self.second_norm(self.second(F.relu(self.first_norm(self.first(x)))))
        return F.relu(main + self.shortcut(x))
