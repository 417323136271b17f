"""Settings: what a mistake says, and what `describe` tells of a field."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernas.core.errors import UserError
from supernas.core.settings import build, describe, field_names, parse_value, setting, settings


@settings
class Inner:
    width: float = setting(1.0, "how wide", gt=0)


@settings
class Outer:
    """A toy."""

    epsilon: float = setting(0.5, "a trade-off", equation="Eq. 7", ge=0, le=1)
    count: int = setting(3, "how many", ge=1)
    kind: Literal["ball", "prior"] = setting("ball", "which")
    flag: bool = setting(True, "whether")
    gamma: float | str = setting("sig(10)", "a number or a schedule")
    limit: int | None = setting(None, "the most", ge=4)
    inner: Inner = setting(Inner(), "settings of a part")
    perhaps: Inner | None = setting(None, "settings of another part")

    def __post_init__(self):
        if self.flag and self.count == 13:
            raise UserError("thirteen needs flag=false")


MISTAKES = [
    ({"epsilonn": 1}, "unknown setting 'toy.epsilonn'; did you mean 'toy.epsilon'?"),
    ({"zzz": 1}, "unknown setting 'toy.zzz'; "),
    ({"epsilon": 2}, "toy.epsilon = 2: wanted less than or equal to 1"),
    ({"epsilon": -1}, "toy.epsilon = -1: wanted greater than or equal to 0"),
    ({"epsilon": "high"}, "toy.epsilon = 'high': wanted a valid number"),
    ({"count": 2.5}, "toy.count = 2.5: wanted a valid integer"),
    ({"count": [1]}, "toy.count = [1]: wanted a valid integer"),
    ({"kind": "bal"}, "toy.kind = 'bal': wanted 'ball' or 'prior'"),
    ({"flag": "perhaps"}, "toy.flag = 'perhaps': wanted a valid boolean"),
    ({"gamma": [1]}, "toy.gamma = [1]: wanted a valid number; wanted a valid string"),
    ({"limit": 3}, "toy.limit = 3: wanted greater than or equal to 4"),
    ({"count": 13}, "toy: thirteen needs flag=false"),
    ({"inner": 3}, "toy.inner = 3: wanted"),
    ({"inner": {"widht": 3}}, "unknown setting 'toy.inner.widht'; did you mean 'toy.inner.width'?"),
    ({"inner": {"width": 0}}, "toy.inner.width = 0: wanted greater than 0"),
    ({"perhaps": {"width": 0}}, "toy.perhaps.width = 0: wanted greater than 0"),
]


@pytest.mark.parametrize(("values", "message"), MISTAKES, ids=[str(values) for values, _ in MISTAKES])
def test_a_mistake_is_one_line_in_the_users_spelling(values, message):
    with pytest.raises(UserError) as error:
        build(Outer, values, "toy")
    assert str(error.value).startswith(message)
    assert len(str(error.value).splitlines()) == 1


def test_values_are_checked_and_taken():
    made = build(Outer, {"epsilon": 0, "gamma": 0.5, "inner": {"width": 2}, "perhaps": {}, "limit": None}, "toy")
    assert (made.epsilon, made.gamma, made.inner, made.perhaps) == (0.0, 0.5, Inner(width=2.0), Inner())
    assert build(Outer, {"inner": Inner(width=4)}, "toy").inner.width == 4
    assert build(Outer, {}, "toy") == Outer()
    with pytest.raises(AttributeError, match=r"frozen|cannot assign"):
        made.epsilon = 0.1


@pytest.mark.parametrize("value", [True, "8_5", "٣", "0x10", "nan", "1e400", "9" * 400, "9" * 5000, "true", "", "[1]"])
@pytest.mark.parametrize("name", ["count", "epsilon", "limit"])
def test_what_is_no_number_is_not_taken_for_one(name, value):
    with pytest.raises(UserError, match=rf"toy\.{name} = .*wanted a valid") as error:
        build(Outer, {name: value}, "toy")
    assert len(str(error.value)) < 300


def test_a_number_in_quotation_marks_is_one():
    assert build(Outer, {"count": "7", "epsilon": ".5", "limit": "4"}, "toy") == Outer(count=7, epsilon=0.5, limit=4)
    with pytest.raises(UserError, match="fewer digits"):
        build(Outer, {"count": "1" + "0" * 30}, "toy")


NAMES = st.sampled_from(["width", "widht", "", "x y"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(field_names(Outer)), VALUES))
def test_any_values_are_settings_or_a_users_error_of_one_line(values):
    try:
        made = build(Outer, values, "toy")
        assert 0 <= made.epsilon <= 1 <= made.count
        assert made.inner.width > 0
    except UserError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - either will do


def test_description_of_every_kind_of_setting():
    described = {one.name: one for one in describe(Outer)}
    inner = [f"inner.{name}" for name in field_names(Outer.__annotations__["inner"])]
    assert list(described) == [one for name in field_names(Outer) for one in (inner if name == "inner" else [name])]
    epsilon = described["epsilon"]
    assert (epsilon.type, epsilon.default, epsilon.range) == ("float", 0.5, ">= 0, <= 1")
    assert (epsilon.meaning, epsilon.equation) == ("a trade-off", "Eq. 7")
    assert described["kind"].type == "'ball' | 'prior'"
    assert described["gamma"].type == "float | str"
    assert described["limit"].type == "int | none"
    assert described["limit"].range == ">= 4"


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("1e-3", 0.001), ("false", False), ("null", None), ("[1, 2]", [1, 2]), ("a=b", "a=b"), ("", "")],
)
def test_values_as_typed(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["9" * 5000, "-" + "9" * 5000, "9" * 400, "1e999", "Infinity", "8_5", "1_0.5", "\N{ARABIC-INDIC DIGIT THREE}"],
)
def test_what_is_no_number_that_can_be_used_is_a_text(text):
    assert parse_value(text) == text


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 50 + "]" * 50])
def test_values_are_not_nested_endlessly(text):
    with pytest.raises(UserError, match="nested"):
        parse_value(text)


def test_the_deepest_values_go():
    parse_value("[" * 20 + "]" * 20)
    with pytest.raises(UserError, match="more than 20 levels"):
        parse_value("[" * 22 + "]" * 22)


def test_of_endless_input_a_message_has_the_beginning():
    with pytest.raises(UserError) as error:
        build(Outer, {"epsilon": ["x" * 90] * 500}, "toy")
    assert len(str(error.value)) < 500
    assert len(str(UserError("unknown method " + "9" * 5000 + "; did you mean"))) < 120
    path = "/".join("x" * 255 for _ in range(3))
    assert path in str(UserError(f"cannot read {path}"))
