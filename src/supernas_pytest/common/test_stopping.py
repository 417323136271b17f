"""What every stopping rule must do."""

import itertools
from pathlib import Path

from supernas.core.errors import UserError
from supernas.runs import diagnostics
from supernas.runs.configuration import DEFAULT_SPACE, SearchConfig
from supernas.runs.search import Search
from supernas_pytest.parts import Parts, each
from supernas_pytest.toys import alone, config_of, interrupted, outcome

__all__ = ["alone", "test_a_rule_that_is_resumed_decides_alike"]


def _config(parts: Parts, name: str) -> SearchConfig:
    """A search with the rule, by the first method with which it goes, and watching if it wants that."""
    refusals: list[str] = []
    for method, watched in itertools.product(("random-nas", "darts"), ([], diagnostics.PARTS.own())):
        try:
            return config_of(parts, DEFAULT_SPACE, method, "plain", stopping=name, watch={one: {} for one in watched})
        except UserError as error:
            refusals.append(str(error))
    raise AssertionError("; ".join(refusals))


@each("stopping")
def test_a_rule_that_is_resumed_decides_alike(supernas_parts: Parts, tmp_path: Path, name: str) -> None:
    """Its search ends with an architecture that was derived, and stopped and taken up it is the same bit for bit."""
    config = _config(supernas_parts, name)
    result = Search(config, tmp_path / "whole").run()
    assert config.space.contains(result.architecture)
    if result.record.get("stopped"):
        assert result.record["stopped"] == name
        assert result.architecture == result.history[result.record["answer_of_epoch"]]
    assert outcome(interrupted(config, tmp_path / "stopped", after=2)) == outcome(result)
