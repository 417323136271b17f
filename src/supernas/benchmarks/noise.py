"""A table whose answers are noisy, as one more training of each architecture would be."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from typing_extensions import Unpack

from supernas.benchmarks.columns import Address, Seed, Value
from supernas.benchmarks.table import AnyArchitecture

__all__ = ["Benchmark", "Noise"]


class Benchmark(Protocol):
    """What can be asked like a table."""

    def query(self, architecture: AnyArchitecture, *, seed: Seed = "mean", **address: Unpack[Address]) -> Value:
        """The accuracy of an architecture, as `Table.query` gives it."""


class Noise:
    """Adds independent Gaussian noise to every answer, as one more training would; kept within 0 to 100 %.

    Args:
        inner: the table.
        deviation: of the noise, in percent of accuracy.
        seed: of the noise.
    """

    def __init__(self, inner: Benchmark, deviation: float, seed: int = 0) -> None:
        if not 0 <= deviation < np.inf:
            raise ValueError(f"a deviation of {deviation} %; wanted 0 or more")
        self.inner, self.deviation = inner, deviation
        self._generator = np.random.default_rng(seed)

    def query(self, architecture: AnyArchitecture, *, seed: Seed = "mean", **address: Unpack[Address]) -> Value:
        """The accuracy of an architecture, plus noise."""
        value = self.inner.query(architecture, seed=seed, **address)
        noisy = value.mean + self.deviation * self._generator.normal()
        return replace(value, mean=float(min(max(noisy, 0.0), 100.0)))
