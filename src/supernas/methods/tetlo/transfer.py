r"""What one network can tell another of a batch, and how badly the other says the same.

- `quadruples`: which of two pairs of examples are more alike (`qrs.py`).
- `pairs`: how alike two examples are: the mean over pairs of ((s_student(x, y) - s_teacher(x, y)) / T)^2, similarity s
  and T those of the settings of quadruples.
- `logits`: the teacher's class probabilities, T^2 times the cross entropy of softened predictions with T = `softening`
  (G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015).
"""

from typing import Literal

import torch
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.ranks import whole
from supernas.core.settings import field_names, refuse_unused, setting, settings
from supernas.core.spelling import assigned
from supernas.methods.tetlo.quadruples import QRSSettings, choose, pair_similarities, qrs_loss
from supernas.methods.tetlo.trilevel import Match

__all__ = ["TransferSettings"]

_PAPER = __doc__  # which refers to it; in a class that name is the class's own docstring
_OF_PAIRS = ("similarity", "temperature")
_FEWEST = {"quadruples": 3, "pairs": 2, "logits": 1}  # examples of which there is anything to say


@settings
class TransferSettings:
    """What is told, and how two networks are compared in it."""

    form: Literal["quadruples", "pairs", "logits"] = setting(
        "quadruples",
        "relative similarities of quadruples, similarities of pairs, or softened class probabilities",
        papers={"logits": _PAPER},
    )
    qrs: QRSSettings = setting(QRSSettings(), "how similarities are compared")
    softening: float = setting(1.0, "temperature of the logits, where form is logits", gt=0)

    def __post_init__(self) -> None:
        used = {"quadruples": field_names(QRSSettings), "pairs": _OF_PAIRS, "logits": ()}[self.form]
        unused = [name for name in field_names(QRSSettings) if name not in used]
        refuse_unused(self.qrs, unused, f"form={self.form}", "qrs.")
        if self.form != "logits":
            refuse_unused(self, ("softening",), f"form={self.form}")

    def of(self, prediction: Tensor, features: Tensor) -> Tensor:
        """What a network says of the whole batch, out of its logits [batch, classes] and penultimate embedding [batch,
        features] of this device's rows.

        Raises:
            UserError: if the batch, or what the network gives, is too small to compare anything in it.
        """
        said = whole(prediction if self.form == "logits" else features)
        said = said if said.dtype == torch.float64 else said.float()
        if len(said) < _FEWEST[self.form]:
            raise UserError(
                f"transfer.form={self.form} compares {_FEWEST[self.form]} or more examples of a batch, which has "
                f"{len(said)}; give {assigned('search.batch_size', 2 * _FEWEST[self.form])} or more"
            )
        width = said[0].numel()
        if self.form == "logits" and (said.ndim != 2 or width < 2):
            raise UserError(
                "transfer.form=logits compares class probabilities, and the predictions are of shape "
                f"{tuple(said.shape)}; give {assigned('method.transfer.form', 'quadruples')}"
            )
        if self.form != "logits" and self.qrs.similarity == "cosine" and width < 2:
            raise UserError(
                "an embedding of one number has no angle to another's; give "
                f"{assigned('method.transfer.qrs.similarity', 'dot')}, or take a network that returns (prediction, "
                "features)"
            )
        return said

    def settle(self, student: Tensor, teacher: Tensor, generator: torch.Generator) -> Match:
        """The loss as a function of (student, teacher), which draws and picks nothing any more.

        Args:
            student: what the student says now; hard quadruples are picked by it.
            teacher: what the teacher says now.
            generator: on the host, of sampled quadruples.
        """
        if self.form == "logits":
            return self._logits
        if self.form == "pairs":
            return self._pairs
        chosen = choose(student, teacher, self.qrs, generator)
        return lambda student, teacher: qrs_loss(student, teacher, self.qrs, chosen=chosen)

    def _logits(self, student: Tensor, teacher: Tensor) -> Tensor:
        soft = (teacher / self.softening).softmax(dim=-1)
        return -(self.softening**2) * (soft * (student / self.softening).log_softmax(dim=-1)).sum(dim=-1).mean()

    def _pairs(self, student: Tensor, teacher: Tensor) -> Tensor:
        mine, theirs = (pair_similarities(said, self.qrs.similarity) for said in (student, teacher))
        return ((mine - theirs) / self.qrs.temperature).square().mean()
