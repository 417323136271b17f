"""What the tests here share: one world of whole files, which takes a while to make."""

import pytest

from .campaign import Campaign


@pytest.fixture(scope="session")
def campaign(tmp_path_factory):
    """A campaign over it."""
    return Campaign(tmp_path_factory.mktemp("campaign") / "root")
