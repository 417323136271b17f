"""The front door: classes that resolve what users type, and functions of the same arguments that run them."""

import inspect

import pytest

import supernas
from supernas.runs.search import Result, Search
from supernas.runs.training import Training, TrainResult


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
    for name in signature.parameters:
        assert f"        {name}: " in front.__doc__


def test_an_option_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TypeError, match="epoch"):
        supernas.search(epoch=3, out=tmp_path)
    with pytest.raises(TypeError, match="epoch"):
        supernas.train("3", epoch=3, out=tmp_path)
