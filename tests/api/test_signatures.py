"""One description: what a function of the front door takes stands in its signature, its help, and its command's."""

import inspect
from typing import Annotated, get_args, get_origin

import pytest
import typer.main

import supernas
from supernas.cli import app
from supernas.core.parameters import Meaning, Option, meaning_of
from supernas.runs.search import Result, Search
from supernas.runs.training import Training, TrainResult

COMMANDS = typer.main.get_command(app.app).commands
TWINS = sorted(name for name in COMMANDS if name in supernas.__all__)
DOORS = [*TWINS, "Search", "Training"]


BY_PLACE = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def parameters(name):
    return inspect.signature(getattr(supernas, name)).parameters


def test_every_job_is_at_both_doors():
    jobs = {"cite", "correlate", "derive", "export", "report", "retrain", "score", "search", "study", "train"}
    assert jobs <= set(TWINS)


@pytest.mark.parametrize("name", DOORS)
def test_a_signature_says_what_each_parameter_is(name):
    door = getattr(supernas, name)
    for parameter in parameters(name).values():
        assert parameter.kind in (*BY_PLACE, parameter.KEYWORD_ONLY)
        assert get_origin(parameter.annotation) is Annotated, parameter
        assert get_args(parameter.annotation)[0] is not inspect.Parameter.empty
        meaning = meaning_of(parameter)
        said = " ".join(door.__doc__.split())
        assert f" {parameter.name}: {meaning.in_python}." in said
        assert repr(meaning) in str(parameter)


@pytest.mark.parametrize("name", TWINS)
def test_every_option_has_its_twin(name):
    """The same name, default and meaning, none more and none less."""
    typed = {option.name: option for option in COMMANDS[name].params}
    given = {parameter.name: parameter for parameter in parameters(name).values()}
    options = {one for one, parameter in given.items() if isinstance(meaning_of(parameter), Option)}
    assert set(typed) - {"help"} == options
    for one in options:
        meaning, default = meaning_of(given[one]), given[one].default
        assert typed[one].help == meaning.text
        assert typed[one].required == (default is inspect.Parameter.empty)
        by_place = given[one].kind in BY_PLACE
        assert typed[one].param_type_name == ("argument" if by_place else "option")
        if not by_place:
            assert f"--{one.replace('_', '-')}" in typed[one].opts
        assert typed[one].nargs == -1 or given[one].kind is not inspect.Parameter.VAR_POSITIONAL
        if not typed[one].required:
            assert typed[one].default == meaning.default(given[one])


def test_what_is_otherwise_where_it_is_not_typed_is_declared():
    others = {
        (name, one)
        for name in TWINS
        for one, parameter in parameters(name).items()
        if isinstance(meaning := meaning_of(parameter), Option) and meaning.default(parameter) != parameter.default
    }
    resumes = {("search", "resume"), ("train", "resume")}  # `docs/guides/going-on.md` says why
    assert others == resumes | {("correlate", "workers"), ("score", "workers")}  # a script may lack its guard


def test_what_only_a_program_can_give_is_no_option():
    functions = {name for name, parameter in parameters("search").items() if type(meaning_of(parameter)) is Meaning}
    assert functions == {"task", "on_epoch", "on_step"}


@pytest.mark.parametrize(
    ("function", "front", "base", "result"),
    [
        (supernas.search, supernas.Search, Search, Result),
        (supernas.train, supernas.Training, Training, TrainResult),
    ],
    ids=["search", "train"],
)
def test_a_function_takes_what_its_class_takes(function, front, base, result):
    assert issubclass(front, base)
    signature = inspect.signature(function)
    assert signature.parameters == inspect.signature(front).parameters
    assert signature.return_annotation is result


def test_an_option_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TypeError, match="epoch"):
        supernas.search(epoch=3, out=tmp_path)
    with pytest.raises(TypeError, match="epoch"):
        supernas.train("3", epoch=3, out=tmp_path)
