"""What every method, objective and space must do in a search."""

import math
from pathlib import Path
from typing import Any

import torch

from supernas.runs.search import Search
from supernas_pytest.parts import Parts, over
from supernas_pytest.toys import alone, config_of, interrupted, marked, outcome

__all__ = ["alone", "test_a_search"]


@over("space,method,objective", marked)
def test_a_search(supernas_parts: Parts, tmp_path: Path, space: str, method: str, objective: str) -> None:
    """Its numbers are finite, its answers legal, and stopped and taken up it is the same bit for bit."""
    config = config_of(supernas_parts, space, method, objective)
    seen: list[Any] = []
    search = Search(config, tmp_path / "whole", on_step=lambda *step: seen.append(step))
    result = search.run()
    whole = outcome(result)

    assert [progress.step for progress, _ in seen] == list(range(search.steps))
    assert all(bool(torch.isfinite(torch.as_tensor(value)).all()) for _, metrics in seen for value in metrics.values())
    for line in whole["lines"]:
        numbers = [value for value in line.values() if isinstance(value, int | float)]
        assert all(map(math.isfinite, numbers))
        assert not config.method.trains_weights or line["loss"] > 0
    assert config.space.contains(result.architecture)
    assert config.space.parse(result.record["architecture"]) == result.architecture
    assert len(result.history) == config.search.epochs
    assert all(config.space.contains(architecture) for architecture in result.history)

    # a run of its own that is stopped and taken up: the same under a seed, and through a checkpoint
    assert outcome(interrupted(config, tmp_path / "stopped", after=2)) == whole
