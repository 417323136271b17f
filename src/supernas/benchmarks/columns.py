"""What a benchmark can be asked: a column is a data set, what was trained on, a split and a number of epochs."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Literal, TypedDict

from typing_extensions import Unpack

from supernas.core.documents import Document
from supernas.core.errors import UserError, unknown

__all__ = ["Address", "Column", "Seed", "Value", "choose", "dataset_name"]

Seed = int | Literal["mean"]


@dataclass(frozen=True, order=True)
class Column:
    """One published accuracy of every architecture.

    Attributes:
        dataset: `cifar10`, `cifar100` or `imagenet16-120` in NAS-Bench-201, `cifar10` in NAS-Bench-101.
        trained_on: `train` (of CIFAR-10 25,000 images in NAS-Bench-201, 40,000 in NAS-Bench-101), or `train+valid`
            (CIFAR-10 in NAS-Bench-201 only: all 50,000).
        split: where the accuracy was measured: `train`, `valid`, `test`, or `valid+test`.
        epochs: length of the training, whose learning rate falls to 0 at its end; 12 and 200 are different trainings.
    """

    dataset: str
    trained_on: str
    split: str
    epochs: int

    def __str__(self) -> str:
        return f"dataset={self.dataset} trained_on={self.trained_on} split={self.split} epochs={self.epochs}"


class Address(TypedDict, total=False):
    """Which column is asked for, as keywords; a part may be left out, or None, only where one column fits the others.

    Attributes:
        dataset: as in `Column`, like the others; `ImageNet16-120` and `imagenet16_120` are understood too.
        trained_on: `train` or `train+valid`.
        split: `train`, `valid`, `test`, `valid+test`.
        epochs: length of the training.
    """

    dataset: str | None
    trained_on: str | None
    split: str | None
    epochs: int | None


@dataclass(frozen=True)
class Value:
    """An answer, in percent.

    Attributes:
        mean: over the seeds that the source holds.
        deviation: their sample standard deviation; NaN for less than two seeds, or where only their mean is known.
        n: how many seeds; None where only their mean is known.
    """

    mean: float
    deviation: float
    n: int | None

    def __str__(self) -> str:
        known = "seeds not told apart by the source" if self.n is None else f"n = {self.n}"
        spread = "" if self.deviation != self.deviation else f" ± {self.deviation:.2f}"
        return f"{self.mean:.2f}{spread} % ({known})"


def dataset_name(text: str) -> str:
    """The name used here for a data set: `ImageNet16-120` and `imagenet16_120` are `imagenet16-120`."""
    return text.lower().replace("_", "-")


_OFFICIAL_DATASETS = {"cifar10-valid": "dataset=cifar10 trained_on=train"}
_OFFICIAL_SPLITS = {
    "x-valid": "split=valid",
    "x-test": "split=test",
    "ori-test": "split=test for cifar10, and split=valid+test for the others",
}


def choose(columns: Iterable[Column], **address: Unpack[Address]) -> Column:
    """The one column that fits what is given; nothing is assumed for what is not.

    Raises:
        UserError: if nothing fits, or more than one: the message lists what would tell them apart.
        TypeError: if an address has no such part.
    """
    known = list(columns)
    given = _given(address)
    for name, value in given.items():
        values = {getattr(column, name) for column in known}
        if value not in values and (here := _official(name).get(str(value))):
            raise UserError(f"{value} is a name in the official files; here it is {here}")
        if value not in values:
            raise unknown(name, str(value), map(str, values))
    fitting = [column for column in known if all(getattr(column, name) == value for name, value in given.items())]
    if len(fitting) == 1:
        return fitting[0]
    said = " ".join(f"{name}={value}" for name, value in given.items()) or "a question without an address"
    if not fitting:
        near = [column for column in known if column.dataset == given.get("dataset", column.dataset)]
        raise UserError(f"the table has no column with {said}; it has: {_listed(near)}")
    raise UserError(f"{said} fits {len(fitting)} columns; add {_differences(fitting)}")


def _official(name: str) -> dict[str, str]:
    """What official files call values of a part of an address, and what these are here."""
    return {"dataset": _OFFICIAL_DATASETS, "split": _OFFICIAL_SPLITS}.get(name, {})


def _given(address: Address) -> Document:
    """The parts that are given, in the order of a column, the data set by the name used here."""
    parts: Document = {**address}
    names = [field.name for field in fields(Column)]
    for name in parts:
        if name not in names:
            raise TypeError(f"an address has no {name!r}; its parts are {', '.join(names)}")
    given = {name: parts[name] for name in names if parts.get(name) is not None}
    return given | {"dataset": dataset_name(given["dataset"])} if "dataset" in given else given


def _differences(columns: list[Column]) -> str:
    """What tells columns apart: `trained_on=train|train+valid and epochs=12|200`."""
    told = {field.name: sorted({getattr(column, field.name) for column in columns}) for field in fields(Column)}
    return " and ".join(f"{name}={'|'.join(map(str, values))}" for name, values in told.items() if len(values) > 1)


def _listed(columns: list[Column]) -> str:
    return "; ".join(map(str, columns[:12])) + ("; ..." if len(columns) > 12 else "")
