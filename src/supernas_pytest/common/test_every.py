"""What every part must do, whatever its kind."""

import importlib
import re
from collections.abc import Iterator

import pytest

from supernas import methods
from supernas.cli.parts import KINDS
from supernas.core.settings import describe
from supernas_pytest.parts import Parts, each, over
from supernas_pytest.toys import combinations, tried

__all__ = [
    "test_a_part_can_be_used",
    "test_a_part_goes_with_others",
    "test_every_method_names_its_paper",
    "test_every_setting_of_a_part_has_a_meaning_and_a_default",
]


def _all(parts: Parts) -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        yield from ((kind, name) for name in parts.names(kind))


@over("declared,fault", lambda parts: parts.faults().items())
def test_a_part_can_be_used(declared: str, fault: str) -> None:
    """What a package declares is of a kind that there is, can be imported, and its name is free."""
    assert not fault, fault


@over("kind,name", _all)
def test_every_setting_of_a_part_has_a_meaning_and_a_default(kind: str, name: str) -> None:
    """So that the command line, files and `supernas describe` know it."""
    cls = KINDS[kind]().get(name)
    assert (cls.__doc__ or "").strip(), "a sentence for `supernas list`"
    for one in describe(cls):
        assert len(one.meaning) > 3, one.name
        assert one.type
    assert cls() == cls()


@each("method")
def test_every_method_names_its_paper(name: str) -> None:
    """The file opens with the reference."""
    text = importlib.import_module(methods.get(name).__module__).__doc__ or ""
    assert re.search(r'"[^"]{15,}"', text), "the title, in quotation marks"
    assert re.search(r"\b(19|20)\d\d\b", text), "the year"


def _searched(parts: Parts) -> list[tuple[str, str]]:
    return [(kind, name) for kind in ("space", "method", "objective") for name in parts.names(kind)]


@over("kind,name", _searched)
def test_a_part_goes_with_others(supernas_parts: Parts, kind: str, name: str) -> None:
    """Some search has it; else no common test is about it."""
    parts = supernas_parts
    if not any(name in names for names in combinations(parts)):
        own = methods.get(name).objective if kind == "method" else "plain"
        usual = {"space": "nas-bench-201", "method": "random-nas", "objective": own, kind: name}
        pytest.fail(tried(parts, (usual["space"], usual["method"], usual["objective"])))
