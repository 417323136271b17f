"""Adam's settings: what a short run remembers, and how far it goes, as a part of the published one."""

import math

import pytest
import torch

from supernas import methods
from supernas.steps.optimisers import AdamSettings, decay_over

PUBLISHED = {  # epochs x steps of an epoch
    "darts": 50 * 391,
    "balenas": 50 * 391,
    "gdas": 250 * 391,
    "setn": 250 * 391,
    "e2nas": 250 * 391,
    "snas": 100 * 391,
    "drnas": 100 * 391,
    "beta-darts": 100 * 391,
    "sdarts": 100 * 391,
    "robust-darts": 50 * 391,
    "p-darts": 15 * 260,
    "pc-darts": 35 * 98,
}
DOUBLE = ("p-darts", "pc-darts")  # of the usual learning rate


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_method_has_its_published_decays_and_rate_over_its_published_steps(name):
    adam, steps = methods.get(name)().adam, PUBLISHED[name]
    assert adam.published_steps == steps
    assert [decay_over(beta, adam.published_steps, steps) for beta in (adam.beta1, adam.beta2)] == [0.5, 0.999]
    assert adam.lr_times_steps / steps == pytest.approx(6e-4 if name in DOUBLE else 3e-4, rel=0.03)


@pytest.mark.parametrize("steps", [1_000, 97_750, 500_000])
def test_the_memory_is_the_same_part_of_any_run(steps):
    decay = decay_over(0.999, 97_750, steps)
    assert -1 / math.log(decay) / steps == pytest.approx(-1 / math.log(0.999) / 97_750)
    assert (decay == 0.999) == (steps == 97_750)


def test_no_memory_is_cut_below_ten_steps_or_made_longer_in_a_shorter_run():
    assert decay_over(0.999, 97_750, 100) == 0.9
    assert decay_over(0.95, 1_000, 500) == pytest.approx(0.95**2)
    assert [decay_over(decay, 1_000, 1) for decay in (0.0, 0.5, 0.85)] == [0.0, 0.5, 0.85]
    assert decay_over(0.5, 1_000, 2_000) == pytest.approx(0.5**0.5)


def test_adam_is_made_with_the_decays_of_its_run():
    parameter = torch.zeros(3, requires_grad=True)
    adam = AdamSettings(beta1=0.9, beta2=0.999, published_steps=1_000).over([parameter], 250)
    assert adam.param_groups[0]["betas"] == (0.9, pytest.approx(0.999**4))
    assert adam.param_groups[0]["lr"] == pytest.approx(29.3 / 250)


def test_a_short_adam_forgets_large_gradients_by_the_same_part_of_the_run():
    """After a first tenth with gradients a hundred times as large, both are half as fast again at the same time."""

    def speeds(steps):
        parameter = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        settings = AdamSettings(lr_times_steps=1.0, published_steps=10_000, weight_decay=0.0)
        adam, places = settings.over([parameter], steps), []
        for step in range(steps):
            parameter.grad = torch.full_like(parameter, -100.0 if step < steps / 10 else -1.0)
            adam.step()
            places.append(float(parameter.detach()))
        return [places[round(part * steps) - 1] for part in (0.1, 0.3, 0.6, 0.8, 1.0)]

    assert speeds(500) == pytest.approx(speeds(10_000), rel=0.05)
    assert speeds(500)[1] < 0.15, "it had not slowed down at all"
