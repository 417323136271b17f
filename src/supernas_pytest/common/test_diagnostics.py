"""What every diagnostic must do: true names, finite numbers, and a search that is none the wiser."""

import math
from pathlib import Path
from typing import Any

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.runs.configuration import DEFAULT_SPACE, SearchConfig
from supernas.runs.search import Search
from supernas_pytest.parts import Parts, each
from supernas_pytest.toys import alone, config_of, outcome

__all__ = ["alone", "test_watching_changes_nothing"]

_METHODS = ("darts", "random-nas", "e2nas")


def _configs(parts: Parts, name: str) -> tuple[SearchConfig, SearchConfig]:
    """A search with the diagnostic, by the first method that it goes with, and the same without."""
    refusals: list[str] = []
    for method in _METHODS:
        toy: dict[str, Any] = {"parts": parts, "space": DEFAULT_SPACE, "method": method, "objective": "plain"}
        try:
            return config_of(**toy, watch={name: {}}), config_of(**toy)
        except UserError as error:
            refusals.append(str(error))
    raise AssertionError("; ".join(refusals))


@each("watch")
def test_watching_changes_nothing(supernas_parts: Parts, tmp_path: Path, name: str) -> None:
    """With a diagnostic and without, a search is the same bit for bit; its numbers have the names that it says."""
    config, without = _configs(supernas_parts, name)
    watched, plain = (
        outcome(Search(one, tmp_path / place).run()) for one, place in ((config, "watched"), (without, "plain"))
    )
    numbers = {f"{name}.{number}" for number in config.watch[name].names(config.space)}
    assert numbers
    for line, other in zip(watched["lines"], plain["lines"], strict=True):
        assert line.keys() - other.keys() == numbers
        assert all(math.isfinite(line[number]) for number in numbers)
    assert _apart(watched, numbers) == _apart(plain, numbers)


def _apart(whole: Document, numbers: set[str]) -> Document:
    """What is left behind, apart from these numbers and the digests of files that hold them."""
    lines = [{key: value for key, value in line.items() if key not in numbers} for line in whole["lines"]]
    record = {key: value for key, value in whole["record"].items() if key not in ("files", "digest")}
    return {**whole, "lines": lines, "record": record}
