"""What tests of methods share: the state of a search that has just begun."""

import pytest
import torch

from supernas.core.task import CLASSIFICATION
from supernas.runs import presets
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings


@pytest.fixture
def start(toy_network, space):
    """The state of a search of 100 steps that has just begun, in double precision."""

    def make(method, seed=0, **settings):
        torch.manual_seed(seed)
        stage = method.stages()[0].supernet
        size = {"channels": max(2, stage.get("partial", 1)), **stage, **settings}
        network = toy_network(**size)
        problem = SearchContext(
            network,
            space,
            CLASSIFICATION,
            Plain(),
            SGDSettings(),
            100,
            seed,
            recipe=presets.get(space.family).alternation,
            data_shape={"num_classes": 3, "in_channels": 1},
            make_supernet=lambda: toy_network(**size),
        )
        with torch.random.fork_rng():
            torch.set_default_dtype(torch.float64)
            try:
                return method.init(problem)
            finally:
                torch.set_default_dtype(torch.float32)

    return make
