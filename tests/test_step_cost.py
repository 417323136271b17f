"""The benchmark of a step's cost makes each kind of step."""

import torch

from step_cost import kinds


def test_each_kind_of_step_is_made():
    torch.manual_seed(0)
    made = kinds(1, "shortcut")
    assert {"random-nas + plain", "random-nas + nsas M=8, split", "random-nas, fair, split", "e2nas: novelty"} <= set(
        made
    )
    for name in ("random-nas + plain", "random-nas + nsas M=8, split", "e2nas: gradient of a path to all options"):
        made[name](0)
    for reduction, convolves in (("residual", True), ("shortcut", False)):
        step = kinds(1, reduction)["random-nas + plain"]
        assert step.__self__.state.context.network.body[1].convolves is convolves
