"""Wrappers round a table that make its queries noisy, limited or counted; they stack."""

from collections import Counter
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from supernas.benchmarks.columns import Seed, Value
from supernas.benchmarks.table import AnyArchitecture
from supernas.spaces.base import Space

__all__ = ["Benchmark", "Budget", "BudgetSpentError", "Counting", "Noise"]


class Benchmark(Protocol):
    """What can be asked like a table."""

    @property
    def space(self) -> Space:
        """The search space of the architectures."""

    def index(self, architecture: AnyArchitecture) -> int:
        """The official index of an architecture."""

    def query(
        self,
        architecture: AnyArchitecture,
        *,
        dataset: str | None = None,
        split: str | None = None,
        epochs: int | None = None,
        trained_on: str | None = None,
        seed: Seed = "mean",
    ) -> Value:
        """The accuracy of an architecture, as `Table.query` gives it."""


class BudgetSpentError(Exception):
    """A search asked more often than its budget allows."""


class _Wrapper:
    def __init__(self, inner: Benchmark) -> None:
        self.inner = inner

    @property
    def space(self) -> Space:
        """The search space of the architectures."""
        return self.inner.space

    def index(self, architecture: AnyArchitecture) -> int:
        """The official index of an architecture."""
        return self.inner.index(architecture)

    def query(self, architecture: AnyArchitecture, **column: Any) -> Value:
        """The accuracy of an architecture; the arguments are those of `Table.query`."""
        return self.inner.query(architecture, **column)


class Noise(_Wrapper):
    """Adds independent Gaussian noise to every answer, as one more training would; kept within 0 to 100 %.

    Args:
        inner: the table.
        deviation: of the noise, in percent of accuracy.
        seed: of the noise.
    """

    def __init__(self, inner: Benchmark, deviation: float, seed: int = 0) -> None:
        super().__init__(inner)
        if not 0 <= deviation < np.inf:
            raise ValueError(f"a deviation of {deviation} %; wanted 0 or more")
        self.deviation = deviation
        self._generator = np.random.default_rng(seed)

    def query(self, architecture: AnyArchitecture, **column: Any) -> Value:
        """The accuracy of an architecture, plus noise."""
        value = self.inner.query(architecture, **column)
        noisy = value.mean + self.deviation * self._generator.normal()
        return replace(value, mean=float(min(max(noisy, 0.0), 100.0)))


class Budget(_Wrapper):
    """Answers `queries` times, then raises `BudgetSpentError`; questions that are refused cost nothing."""

    def __init__(self, inner: Benchmark, queries: int) -> None:
        super().__init__(inner)
        self.queries, self.left = queries, queries

    def query(self, architecture: AnyArchitecture, **column: Any) -> Value:
        """The accuracy of an architecture, while the budget lasts.

        Raises:
            BudgetSpentError: afterwards.
        """
        if self.left <= 0:
            raise BudgetSpentError(f"the budget of {self.queries} queries is spent; give a larger one, or stop here")
        value = self.inner.query(architecture, **column)
        self.left -= 1
        return value


class Counting(_Wrapper):
    """Counts answers: `total`, and per architecture in `by_index`."""

    def __init__(self, inner: Benchmark) -> None:
        super().__init__(inner)
        self.by_index: Counter[int] = Counter()

    @property
    def total(self) -> int:
        """How many questions were answered."""
        return self.by_index.total()

    def query(self, architecture: AnyArchitecture, **column: Any) -> Value:
        """The accuracy of an architecture, counted."""
        value = self.inner.query(architecture, **column)
        self.by_index[self.inner.index(architecture)] += 1
        return value
