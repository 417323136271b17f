"""What a package can say of its parts to the common tests, in its `conftest.py`."""

from typing import Any

import pytest

__all__ = ["pytest_supernas_toy"]


@pytest.hookspec
def pytest_supernas_toy(space: str, method: str, objective: str) -> dict[str, Any] | None:
    """Sections of the configuration of a search of two epochs that should differ, so that it takes a second."""
