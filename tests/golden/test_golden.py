"""A change that should alter no result alters none: tiny seeded runs equal the recorded ones bit for bit."""

import pytest

from supernas_pytest.toys import rare

from . import trajectories
from .cases import cases

CASES = cases()
LONG = {"darts-cnn darts order=2"}  # ten seconds; its parts are shown by the first order, and by other spaces


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Where autoencoders that do not ship are kept."""
    monkeypatch.setenv("SUPERNAS_CACHE", str(tmp_path_factory.getbasetemp() / "golden-cache"))


def is_rare(name):
    space, _, rest = name.partition(" ")
    return name in LONG or rare(space, rest.partition(" ")[0])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if is_rare(name) else name for name in CASES]
)
def test_a_trajectory_is_the_recorded_one(name):
    where, recorded = trajectories.read()
    if where != trajectories.here():
        pytest.skip(f"recorded elsewhere: {where[2:]}; record it here before a change, and compare after it")
    assert trajectories.outcome(CASES[name]) == recorded.get(name), "say in the commit why, and record it anew"


def test_every_recorded_case_exists():
    assert set(trajectories.read()[1]) == set(CASES)
