"""Plain nested values: what JSON and TOML hold, and what settings are given as."""

from collections.abc import Mapping
from typing import Any

__all__ = ["Document", "Values"]

Document = dict[str, Any]
"""Names and plain values, perhaps nested: a configuration, a record, a line of metrics."""

Values = Mapping[str, Any]
"""The same to be read only; also the keyword arguments of a class."""
