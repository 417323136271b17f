"""MdeNAS: its update by hand and by a slow twin, and what of a search moves it."""

import math
from dataclasses import replace

import pytest
import torch

from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.methods.mdenas import MdeNAS, moved, uniform

NEVER = -math.inf


def slowly_moved(p, trained, judged, rate):
    """The paper's sums, option by option, of one gene."""
    made = []
    for i in range(len(p)):
        up = sum(trained[i] < trained[j] and judged[i] > judged[j] for j in range(len(p)))
        down = sum(trained[i] > trained[j] and judged[i] < judged[j] for j in range(len(p)))
        made.append(max(0.0, p[i] + rate * (up - down)))
    return [one / sum(made) for one in made]


def test_the_update_by_hand():
    """Options 0 to 3 of one decision: 1 is better than 0 and 2 after fewer epochs, 0 than 2; 3 was never drawn."""
    p = torch.tensor([[0.25, 0.25, 0.25, 0.25]], dtype=torch.float64)
    trained, judged = torch.tensor([[3, 1, 5, 0]]), torch.tensor([[70.0, 80.0, 60.0, NEVER]])
    expected = torch.tensor([[0.25, 0.25 + 0.02, 0.25 - 0.02, 0.25]], dtype=torch.float64)
    torch.testing.assert_close(moved(p, trained, judged, 0.01), expected, rtol=0, atol=1e-15)
    equally_long, as_good = torch.tensor([[3, 3, 3, 0]]), torch.tensor([[70.0, 70.0, 70.0, NEVER]])
    assert torch.equal(moved(p, equally_long, judged, 0.01), p)
    assert torch.equal(moved(p, trained, as_good, 0.01), p)
    assert torch.equal(moved(p, trained, torch.tensor([[60.0, 50.0, 70.0, NEVER]]), 0.01), p), (
        "more epochs, more reached"
    )


def test_what_would_be_negative_is_nothing_and_the_rest_sums_to_one():
    p = torch.tensor([[0.01, 0.39, 0.6]], dtype=torch.float64)
    found = moved(p, torch.tensor([[5, 1, 3]]), torch.tensor([[50.0, 60.0, 40.0]]), 0.1)
    # 1 beats both; 0 and 2 lose to 1 alone, since 0 is better than 2 after more epochs
    raw = torch.tensor([[0.0, 0.59, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(found, raw / 1.09)


@pytest.mark.parametrize("seed", range(5))
def test_the_update_against_a_slow_twin(seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = (5, 3, 7)
    p = uniform(sizes) * torch.rand(3, 7, generator=generator, dtype=torch.float64)
    p /= p.sum(1, keepdim=True)
    trained = torch.randint(0, 4, (3, 7), generator=generator) * (p > 0)
    judged = torch.where(trained > 0, torch.randint(50, 54, (3, 7), generator=generator).double(), NEVER)
    found = moved(p, trained, judged, 0.03)
    for gene, size in enumerate(sizes):
        twin = slowly_moved(p[gene].tolist(), trained[gene].tolist(), judged[gene].tolist(), 0.03)
        torch.testing.assert_close(found[gene], torch.tensor(twin, dtype=torch.float64))
        assert not found[gene, size:].any(), "values that a smaller gene has not"


@pytest.mark.parametrize("direction", ["max", "min"])
def test_an_epoch_trains_one_path_and_learns_from_how_good_it_became(start, toy_batch, direction):
    method = MdeNAS(lr_times_epochs=0.5)
    state = start(method)
    state.context = replace(state.context, epochs=50, task=replace(CLASSIFICATION, direction=direction))
    rate, seen, asked = 0.5 / 50, [], []
    p, trained, judged = state.probabilities.tolist(), [[0] * 5 for _ in range(6)], [[NEVER] * 5 for _ in range(6)]

    def validate(path, images, part=0):
        asked.append(path)
        return 10.0 * len(asked) % 7

    for epoch in range(8):
        for step in range(2):
            method.step(state, toy_batch(step), toy_batch(9), Progress(2 * epoch + step, 16, epoch, 8))
            seen.append(state.trainer.last)
        method.epoch(state, validate, Progress(2 * epoch + 1, 16, epoch, 8))
        assert seen[-1] == seen[-2] == asked[-1]
        for gene, value in enumerate(asked[-1].options):
            trained[gene][value] += 1
            judged[gene][value] = (1 if direction == "max" else -1) * (10.0 * len(asked) % 7)
            p[gene] = slowly_moved(p[gene], trained[gene], judged[gene], rate)
    torch.testing.assert_close(state.probabilities, torch.tensor(p, dtype=torch.float64))
    assert len(set(asked)) > 1
    assert state.probabilities.amax() > 0.2
    ranked = zip(state.probabilities.tolist(), judged, strict=True)
    best = tuple(max(range(5), key=lambda value: (row[value], seen[value])) for row, seen in ranked)
    assert method.derive(state, validate).options == best


def test_of_equally_probable_options_the_one_that_was_judged_best_is_the_answer(start):
    method = MdeNAS()
    state = start(method)
    state.judged[0, 3], state.judged[0, 2] = 50.0, 70.0
    state.judged[1, 4] = -80.0  # a metric of which little is good
    state.judged[2, 1], state.probabilities[2] = 90.0, torch.tensor([0.1, 0.2, 0.1, 0.5, 0.1]).double()
    assert method.derive(state, None).options == (2, 4, 3, 0, 0, 0)


def test_it_draws_from_its_distribution(start):
    method = MdeNAS()
    state = start(method)
    state.probabilities = torch.zeros(6, 5, dtype=torch.float64)
    state.probabilities[:, 1], state.probabilities[0, 3] = 0.5, 0.5
    state.probabilities /= state.probabilities.sum(1, keepdim=True)
    drawn = [method.draw_architecture(state, torch.Generator().manual_seed(seed)).options for seed in range(60)]
    assert {options[1:] for options in drawn} == {(1,) * 5}
    firsts = [options[0] for options in drawn]
    assert set(firsts) == {1, 3}
    assert abs(firsts.count(3) - 30) < 3 * math.sqrt(15)
