"""The records of several searches as Markdown: a row a method, and what stands behind it."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

__all__ = ["markdown"]

Record = dict[str, Any]
_NONE = "-"


def markdown(records: Sequence[Record]) -> str:
    """All tables; runs of one label are averaged."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(record["label"], []).append(record)
    parts = [_links(rows), _fidelity(rows), _effects(rows)]
    return "\n\n".join(part for part in (*parts, _optimisation(rows)) if part) + "\n"


def _links(rows: dict[str, list[Record]]) -> str:
    columns = list(
        dict.fromkeys(name for several in rows.values() for one in several for name in one["outcome"]["truth"])
    )
    heads = [
        "", "n", "signal (spread / noise)", "tau, all", "tau, best", "sharing", "proxy",
        "optimisation", "own place, %", *columns, "loses at",
    ]  # fmt: skip
    lines = []
    for label, several in rows.items():
        lines.append(
            [
                label,
                str(len(several)),
                _mean(several, lambda one: one["signal"]["ratio"]),
                _mean(several, lambda one: _value(one["fidelity"]["all"]["accuracy"])),
                _mean(several, lambda one: _value(one["fidelity"]["best"]["accuracy"])),
                _mean(several, lambda one: _value((one["gaps"] or {}).get("sharing"))),
                _mean(several, lambda one: _value((one["gaps"] or {}).get("proxy"))),
                _mean(several, lambda one: one["links"]["optimisation"]),
                _mean(several, lambda one: one["outcome"]["percentile"], 1),
                *(_mean(several, lambda one, name=name: one["outcome"]["truth"].get(name)) for name in columns),
                _lost(several),
            ]
        )
    return _table(heads, lines)


def _lost(several: list[Record]) -> str:
    """The weakest link of the means over runs, and what it lets through."""
    means = {name: statistics.fmean(one["links"][name] for one in several) for name in several[0]["links"]}
    name = min(means, key=lambda link: means[link])
    return f"{name} ({means[name]:.2f})"


def _fidelity(rows: dict[str, list[Record]]) -> str:
    rankings = ("accuracy", "loss", "live parameters", "parameters")
    heads = ["Kendall's tau-b with the truth", "cells", *rankings]
    lines = [
        [f"{label}, seed {one['seed']}, {among}", str(one["fidelity"][among]["cells"])]
        + [_interval(one["fidelity"][among][name]) for name in rankings]
        for label, several in rows.items()
        for one in several
        for among in ("all", "best")
    ]
    gaps = ("sharing", "sharing by loss", "proxy", "both")
    measured = [
        [f"{label}, seed {one['seed']}", str(one["gaps"]["cells"]), *(_interval(one["gaps"][name]) for name in gaps)]
        for label, several in rows.items()
        for one in several
        if one["gaps"]
    ]
    split = _table(
        ["split", "cells", "supernet, own scale", "the same by loss", "own scale, truth", "supernet, truth"], measured
    )
    return _table(heads, lines) + (f"\n\n{split}" if measured else "")


def _effects(rows: dict[str, list[Record]]) -> str:
    lines, choices = [], list[str]()
    for label, several in rows.items():
        for ranking in several[0]["effects"]:
            known = [one["effects"][ranking] for one in several if one["effects"][ranking]]
            choices = choices or (list(known[0]) if known else [])
            lines.append([f"{label}, {ranking}", *(_mean(known, itemgetter(choice)) for choice in choices)])
    return _table(["effect on rank, deviations", *choices], lines) if choices else ""


def _optimisation(rows: dict[str, list[Record]]) -> str:
    lines = [
        [
            f"{label}, {way}",
            *(f"{statistics.median(_all(several, way, what)):.1f}" for what in ("final", "best visited", "distinct")),
        ]
        for label, several in rows.items()
        for way in several[0]["optimisation"]
    ]
    heads = ["alpha alone, medians over starts", "final, %", "best visited, %", "distinct cells"]
    return _table(heads, lines) if lines else ""


# -- cells of tables ---------------------------------------------------------------------------------------------------


def _all(several: list[Record], way: str, what: str) -> list[float]:
    return [value for one in several for value in one["optimisation"][way][what]]


def _mean(several: Iterable[Record], of: Callable[[Record], float | None], digits: int = 2) -> str:
    """Mean and sample deviation of what is known."""
    values = [value for value in map(of, several) if value is not None]
    if not values:
        return _NONE
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.{digits}f}{deviation}"


def _value(estimate: Record | None) -> float | None:
    return None if estimate is None else float(estimate["value"])


def _interval(estimate: Record | None) -> str:
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]" if estimate else _NONE


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [f"| {' | '.join(line)} |" for line in (heads, *lines)]
    return "\n".join([rows[0], "|---" * len(heads) + "|", *rows[1:]])
