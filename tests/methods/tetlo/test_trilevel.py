"""Three levels: the finite differences against autograd through both steps, and that against brute force."""

from dataclasses import replace

import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

from supernas.methods.tetlo.quadruples import QRSSettings, choose, qrs_loss
from supernas.methods.tetlo.trilevel import Student, Teacher, learn, teach
from supernas.networks.resnet import ResNet
from supernas.steps.hypergradients import Unrolled

SOFT = QRSSettings(temperature=0.5)
PLACES = [(0, 1), (2, 3), (5, 4), (3, 2)]


@pytest.fixture
def levels(toy_network, toy_batch):
    """(teacher, pupil, alpha): tiny networks in float64, with momentum buffers and decay."""
    main, auxiliary = toy_network(), ResNet((2, 3), num_classes=3, in_channels=1).double()
    alpha = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    train, valid = toy_batch(0, size=12), toy_batch(1, size=12)

    def step(network):
        weights = dict(network.named_parameters())
        buffers = {name: 0.1 * torch.randn_like(w) for name, w in weights.items() if "body" in name}
        return Unrolled(weights, rate=0.05, momentum=0.9, decay=3e-3, buffers=buffers)

    def teacher_says(weights):
        output = functional_call(main, dict(weights), (train.inputs, {"cell": alpha.softmax(-1)}))
        return F.cross_entropy(output.prediction, train.targets), output.features

    def pupil_says(weights):
        prediction, features = functional_call(auxiliary, dict(weights), (train.inputs,))
        return F.cross_entropy(prediction, train.targets), features

    def judge(weights):
        return F.cross_entropy(functional_call(auxiliary, dict(weights), (valid.inputs,))[0], valid.targets)

    def settle(S, T):
        chosen = choose(S, T, SOFT, torch.Generator().manual_seed(0))
        return lambda student, teacher: qrs_loss(student, teacher, SOFT, chosen=chosen)

    teacher = Teacher(teacher_says, step(main))
    return teacher, Student(pupil_says, step(auxiliary), settle, 2.0, judge), alpha


def relative(found, expected):
    return float((found - expected).norm() / expected.norm())


def stepping(teacher, pupil, **changes):
    return (replace(one, step=replace(one.step, **changes)) for one in (teacher, pupil))


@pytest.mark.parametrize(("rate", "radius"), [(0.01, 1e-6), (0.05, 1e-6), (0.05, 3e-7), (0.05, 1e-7), (0.2, 1e-6)])
@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_finite_differences_agree_with_autograd(levels, rate, radius, clip):
    *both, alpha = levels
    teacher, pupil = stepping(*both, rate=rate, clip=clip)
    exact = teach(teacher, pupil, [alpha], "exact")
    found = teach(teacher, pupil, [alpha], "finite-difference", radius)
    assert relative(found.gradients[0], exact.gradients[0]) < 1e-3
    for one, other in zip(found.auxiliary, exact.auxiliary, strict=True):
        torch.testing.assert_close(one, other)
    for name in ("training_loss", "transfer_loss", "validation_loss"):
        assert float(getattr(found, name)) == pytest.approx(float(getattr(exact, name)), rel=1e-12)


@pytest.mark.parametrize("form", ["exact", "finite-difference"])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_both_are_the_slope_of_the_third_level(levels, form, rate):
    """Brute force: alpha is nudged, both models make their steps anew, the auxiliary is judged."""
    *both, alpha = levels
    teacher, pupil = stepping(*both, rate=rate)
    lesson = teach(teacher, pupil, [alpha], form, 1e-6)

    def third_level():
        loss, _ = teacher.says(teacher.step.weights)
        moved = teacher.step.after(torch.autograd.grad(loss, list(teacher.step.weights.values())))
        told = teacher.says(moved)[1].detach()
        loss, S = pupil.says(pupil.step.weights)
        total = loss + pupil.weight * qrs_loss(S, told, SOFT, torch.Generator().manual_seed(0))
        moved = pupil.step.after(torch.autograd.grad(total, list(pupil.step.weights.values())))
        return float(pupil.judge(moved).detach())

    assert third_level() == pytest.approx(float(lesson.validation_loss), rel=1e-12)
    assert float(learn(pupil, teacher.says(teacher.step.weights)[1].detach()).validation_loss) != third_level()
    for place in PLACES:
        values = []
        for nudge in (1e-5, -2e-5):
            with torch.no_grad():
                alpha[place] += nudge
            values.append(third_level())
        with torch.no_grad():
            alpha[place] += 1e-5
        brute = (values[0] - values[1]) / 2e-5
        assert brute == pytest.approx(float(lesson.gradients[0][place]), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("form", ["exact", "finite-difference"])
def test_every_part_counts(levels, form):
    teacher, pupil, alpha = levels
    (usual,) = teach(teacher, pupil, [alpha], form, 1e-6).gradients
    others = {
        "weight": teach(teacher, replace(pupil, weight=1.0), [alpha], form, 1e-6),
    }
    for part, value in (("momentum", 0.0), ("decay", 0.0), ("rate", 0.0), ("clip", 0.1)):
        for who, step in (("main", teacher.step), ("auxiliary", pupil.step)):
            less = replace(step, **{part: value})
            pair = (replace(teacher, step=less), pupil) if who == "main" else (teacher, replace(pupil, step=less))
            others[f"{part} of {who}"] = teach(*pair, [alpha], form, 1e-6)
    for name, lesson in others.items():
        assert relative(lesson.gradients[0], usual) > 1e-6, name
    assert others["rate of auxiliary"].gradients[0].abs().max() == 0  # nothing taught, nothing to gain
