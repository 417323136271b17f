"""What every selector must do."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import supernas
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.evaluation.selection.derive import Derived
from supernas.runs.configuration import DEFAULT_SPACE
from supernas.runs.search import Search
from supernas_pytest.parts import Parts, each
from supernas_pytest.toys import alone, config_of

__all__ = ["alone", "test_a_choice_is_legal_recorded_and_made_again"]

_FEW: dict[str, Document] = {
    "additive": {"candidates": 3},
    "best-sampled": {"candidates": 3},
    "darts-pt": {"tune": 1},
    "evolution": {"candidates": 4, "population": 2, "sample": 2},
    "proxy": {"draws": 3, "batch_size": 8},
    "ranks": {"candidates": 3, "batch_size": 8},
    "top-k": {"candidates": 3, "top": 2, "epochs": 1},
}
_METHODS = ("random-nas", "darts", "drnas", "e2nas", "balenas")  # drawing, mixing, learning a distribution, visiting


@each("selector")
def test_a_choice_is_legal_recorded_and_made_again(supernas_parts: Parts, tmp_path: Path, name: str) -> None:
    """Of a search of the first method with which it goes; in another copy of the run folder it is the same."""
    refusals: list[str] = []
    for method in _METHODS:
        config = config_of(supernas_parts, DEFAULT_SPACE, method, "plain")
        run = Search(config, tmp_path / method).run()
        copy = tmp_path / f"{method}-copy"
        shutil.copytree(run.folder, copy)
        try:
            chosen: Derived = supernas.derive(run.folder, by=name, **_FEW.get(name, {}))
        except UserError as error:
            refusals.append(str(error))
            continue
        assert config.space.contains(chosen.architecture)
        assert np.isfinite(chosen.score)
        assert json.loads(chosen.file.read_text()) == chosen.record
        again: Derived = supernas.derive(copy, by=name, **_FEW.get(name, {}))
        assert (again.architecture, again.score) == (chosen.architecture, chosen.score)
        assert again.file.name == chosen.file.name
        return
    pytest.fail("; ".join(refusals))
