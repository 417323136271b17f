"""Beta-DARTS is DARTS with Beta decay, and in another order."""

import torch

from alpha_toy import alpha_gradient
from supernas.core.progress import Progress
from supernas.methods.beta_darts import BetaDARTS
from supernas.methods.darts import DARTS
from supernas.runs.configuration import resolve_search
from supernas.steps.regularisers.beta import Beta

HALF = Progress(50, 100, 0, 1)


def test_without_its_regulariser_it_descends_as_darts(start, toy_batch):
    gradients = [alpha_gradient(m, start(m), toy_batch(0), toy_batch(1), HALF)[1][0] for m in (BetaDARTS(), DARTS())]
    assert torch.equal(*gradients)
    assert (BetaDARTS().alpha_first(start(BetaDARTS())), DARTS().alpha_first(start(DARTS()))) == (True, False)


def test_its_regulariser_is_there_unless_another_is_asked_for():
    assert resolve_search({"method": "beta-darts"}).regulariser == Beta()
    assert resolve_search({"method": "darts"}).regulariser_name == "none"
    without = resolve_search({"method": "beta-darts", "regulariser": "none"})
    assert without.regulariser_name == "none"
    for config in (without, resolve_search({"method": "gdas", "regulariser": {"name": "beta", "weight": 3}})):
        again = resolve_search(config.document())
        assert (again.regulariser_name, again.regulariser) == (config.regulariser_name, config.regulariser)
    assert "regulariser" not in resolve_search({"method": "gdas"}).document()
