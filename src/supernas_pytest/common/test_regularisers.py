"""What every regulariser must do."""

from pathlib import Path

import pytest

from supernas.core.errors import UserError
from supernas.runs.configuration import DEFAULT_SPACE, SearchConfig
from supernas.runs.search import Search
from supernas_pytest.parts import Parts, each
from supernas_pytest.toys import alone, config_of, interrupted, outcome

__all__ = ["alone", "test_a_regulariser_that_is_resumed_goes_on_alike"]

_METHODS = ("darts", "gdas", "setn", "drnas")  # mixtures and paths; at the mean, at draws


def _configs(parts: Parts, name: str) -> list[SearchConfig]:
    """A search with it by each of the methods with which it goes."""
    configs, refusals = [], []
    for method in _METHODS:
        try:
            configs.append(config_of(parts, DEFAULT_SPACE, method, "plain", regulariser=name))
        except UserError as error:
            refusals.append(str(error))
    if not configs:
        pytest.fail("; ".join(refusals))
    return configs


@each("regulariser")
def test_a_regulariser_that_is_resumed_goes_on_alike(supernas_parts: Parts, tmp_path: Path, name: str) -> None:
    """A search with it, stopped and taken up, is the same bit for bit, by every kind of method with which it goes."""
    for config in _configs(supernas_parts, name):
        result = Search(config, tmp_path / config.method_name / "whole").run()
        assert config.space.contains(result.architecture)
        assert outcome(interrupted(config, tmp_path / config.method_name / "stopped", after=4)) == outcome(result)
