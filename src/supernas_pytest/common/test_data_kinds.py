"""What every kind of data must do."""

import json

import pytest
import torch

from supernas.core.errors import UserError
from supernas.data import kinds
from supernas.data.datasets import Dataset
from supernas_pytest.parts import each
from supernas_pytest.toys import alone

__all__ = ["alone", "test_a_run_gets_what_it_asks_of_data", "test_data_of_the_usual_size_are_known"]

_CPU = torch.device("cpu")


def _loaded(name: str) -> Dataset:
    """The data that are usual."""
    try:
        return kinds.get(name)().load()
    except UserError as error:
        pytest.skip(f"there are none without a name: {error}")


@each("data")
def test_a_run_gets_what_it_asks_of_data(name: str) -> None:
    """A search sees no test data, and gets batches that are the same under a seed and go on from a saved state."""
    data = _loaded(name)
    assert {"train"} <= set(data.parts) <= {"train", "valid", "test"}
    assert data.digest == _loaded(name).digest
    assert json.loads(json.dumps(data.facts())) == data.facts()
    seen = data.for_search(0, kinds.get(name).usual_split)
    assert set(seen.parts) == {"train", "valid"}
    for part in seen.parts:
        first = seen.first(part, 4, _CPU)
        assert first.inputs.dtype == seen.input_type
        assert seen.count(part) >= 4
    stream, other = (seen.stream("train", 4, 3, _CPU) for _ in range(2))
    assert torch.equal(next(stream).inputs, next(other).inputs)
    other.load_state_dict(stream.state_dict())
    assert torch.equal(next(stream).inputs, next(other).inputs)


@each("data")
def test_data_of_the_usual_size_are_known(name: str) -> None:
    """For the cost of an architecture; or one line says that there are none."""
    kind = kinds.get(name)
    try:
        shape = kind.usual_shape(None, None)
    except UserError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    assert shape.input_shape
    assert shape.classes
    assert kind.usual_shape(7, None).network["num_classes"] == 7
