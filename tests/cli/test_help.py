"""What the command line says of itself."""

import re
from importlib.metadata import version

import pytest
import typer.main
from typer.testing import CliRunner

from supernas.cli import app
from supernas.cli.describe import SECTIONS
from supernas.cli.list import LISTS
from supernas.cli.parts import KINDS
from supernas.evaluation.selection import selectors
from supernas.output.export import formats
from supernas.runs import diagnostics, presets
from supernas.runs.configuration import resolve_search, resolve_train


def commands(group, *names):
    """The words of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *names, name)
        else:
            yield (*names, name)


COMMANDS = list(commands(typer.main.get_command(app.app)))


def said(*words):
    """What a command prints, in one line."""
    outcome = CliRunner().invoke(app.app, [*words])
    assert outcome.exit_code == 0, outcome.output
    return " ".join(outcome.output.split())


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_speaks_of_texts_and_numbers(words):
    """And of nothing that only who knows the programming language understands."""
    assert not re.findall(r"<(?:list|tuple|dict|str|int|float|bool)\b[^>]*>|\w+ range>", said(*words, "--help"))


def test_an_option_that_is_given_again_and_again_is_a_text_each_time():
    assert "--set <text>" in said("search", "--help")
    assert "architectures... <text>" in said("score", "--help")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("describe", [*KINDS, "section", *SECTIONS]),
        ("list", LISTS),
        ("search --preset", {name.split()[-1] for name in presets.meanings()}),
        ("search --watch", diagnostics.names()),
        ("derive --by", selectors.names()),
        ("export --format", formats.names()),
    ],
)
def test_help_names_all_that_may_be_given(words, names):
    command, *_ = words.split()
    missing = [name for name in names if not re.search(rf"\b{name}\b", said(command, "--help"))]
    assert not missing


def test_every_section_of_a_configuration_is_described():
    search, train = resolve_search({}).document(), resolve_train({"architecture": "6111"}).document()
    assert {*search, *train} - {*KINDS, "architecture"} <= set(SECTIONS)
    for name in SECTIONS:
        assert "default" in said("describe", "section", name)


def test_the_version():
    assert said("--version").startswith(f"supernas {version('supernas')} (torch ")


@pytest.mark.parametrize("typed", ["8_5", "٣", "nan", "inf", "1e999", "9" * 19, "9" * 5000, ".", "", " 3", "0x10"])
def test_numbers_are_those_that_everybody_writes(typed):
    for option in ("show 6111 --classes", "search --max-latency-ms"):
        outcome = CliRunner().invoke(app.app, [*option.split(), typed])
        assert outcome.exit_code == 2
        assert "wanted a number of at most 18 digits" in " ".join(outcome.output.replace("│", " ").split())
