"""The table of a study: a line a row, then lines that need no search, and notes on what the numbers are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from supernas.core.architecture import Architecture
from supernas.evaluation.live_parameters import pair_parameters
from supernas.spaces.base import Space
from supernas.studies.baselines import BaselineRow, baseline_rows
from supernas.studies.plan import Plan, Row
from supernas.studies.results import SUPERNET_ACCURACY, Failure, Found, Truth
from supernas.studies.summary import LEAST_PAIRS, Paired, Spread, paired, spread

__all__ = ["Line", "StudyTable", "make_table"]


@dataclass(frozen=True)
class Line:
    """A line of the table; what it has not is None or empty.

    Attributes:
        label: its name.
        n: finished runs.
        values: in percent, by column.
        tests: comparison with the baseline, by column.
        minutes: of a run.
        cost: as the study states it; 1 is that of 10,000 uniform single-path steps.
        parameters: of the found network, mean over runs.
        operations: how often a found architecture takes each operation, mean over runs.
    """

    label: str
    n: int | None = None
    values: Mapping[str, Spread] = field(default_factory=dict)
    tests: Mapping[str, Paired] = field(default_factory=dict)
    minutes: Spread | None = None
    cost: float | None = None
    parameters: float | None = None
    operations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyTable:
    """The columns of values, the lines, the label of the baseline, and the notes below."""

    name: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    baseline: str | None
    notes: tuple[str, ...]


def make_table(
    plan: Plan, results: Mapping[str, Sequence[Found]], truth: Truth | None, failures: Sequence[Failure]
) -> StudyTable:
    """The table of what is finished.

    Args:
        plan: the study.
        results: the finished runs by row label.
        truth: the benchmark, if there is one: without it, values are the supernets' own accuracies.
        failures: the runs that failed.
    """
    columns = tuple(truth.columns) if truth else (SUPERNET_ACCURACY,)
    baseline = plan.settings.baseline
    against = results[baseline] if baseline else ()
    lines = [_line(row, results[row.label], columns, () if row.label == baseline else against) for row in plan.rows]
    if truth:
        lines += _baseline_lines(plan, results, truth)
    notes = _notes(plan, results, truth, failures)
    return StudyTable(plan.settings.name, columns, tuple(lines), baseline, tuple(notes))


# -- lines -------------------------------------------------------------------------------------------------------------


def _line(row: Row, finished: Sequence[Found], columns: Sequence[str], against: Sequence[Found]) -> Line:
    if not finished:
        return Line(row.label, 0, cost=row.cost)
    values = {name: _by_seed(finished, name) for name in columns}
    known = {name: [value for value in by_seed.values() if value == value] for name, by_seed in values.items()}
    return Line(
        row.label,
        len(finished),
        {name: spread(several) for name, several in known.items() if several},
        {name: paired(values[name], _by_seed(against, name)) for name in columns} if against else {},
        spread([run.minutes for run in finished]),
        row.cost,
        sum(int(run.record["parameters"]) for run in finished) / len(finished),
        _operations(row.config.space, [run.architecture for run in finished]),
    )


def _by_seed(finished: Sequence[Found], column: str) -> dict[int, float]:
    return {result.run.seed: result.values[column] for result in finished}


def _operations(space: Space, architectures: Sequence[Architecture]) -> dict[str, float]:
    """Mean counts, in the order of the space's options."""
    counts = [space.operation_counts(architecture) for architecture in architectures]
    means = {name: sum(count.get(name, 0) for count in counts) / len(counts) for name in space.option_names}
    return {name: mean for name, mean in means.items() if mean}


def _baseline_lines(plan: Plan, results: Mapping[str, Sequence[Found]], truth: Truth) -> list[Line]:
    """The lines that need no search, for networks of the first row's size."""
    first = plan.rows[0].config
    space, counts = first.space, pair_parameters(first.space, **vars(first.supernet))

    def parameters(architecture: Architecture) -> int:
        return sum(counts[pair] for pair in architecture.pairs)

    # what all networks share depends on the images, which the finished runs know
    alike = [row.label for row in plan.rows if (row.config.supernet, row.config.data) == (first.supernet, first.data)]
    finished = [run for label in alike for run in results[label]]
    shared = next((int(run.record["parameters"]) - parameters(run.architecture) for run in finished), None)

    def line(row: BaselineRow) -> Line:
        if row.architecture is None:
            return Line(row.label, values=row.values)
        known = None if shared is None else shared + parameters(row.architecture)
        return Line(row.label, 1, row.values, parameters=known, operations=_operations(space, [row.architecture]))

    return [line(row) for row in baseline_rows(truth, plan.settings.random, counts)]


# -- notes -------------------------------------------------------------------------------------------------------------


def _notes(
    plan: Plan, results: Mapping[str, Sequence[Found]], truth: Truth | None, failures: Sequence[Failure]
) -> list[str]:
    return [
        *_about_values(truth),
        *_about_tests(plan.settings.baseline),
        *_about_baselines(plan, truth),
        *_about_costs(plan),
        *(f"{failure.label}, seed {failure.seed}, failed: {failure.reason}" for failure in failures),
        *_about_missing(plan, results, failures),
        *(f"not run: {skipped.label}: {skipped.reason}" for skipped in plan.skipped),
    ]


def _about_values(truth: Truth | None) -> list[str]:
    if truth is None:
        what = f"values are the {SUPERNET_ACCURACY} of the found architectures, in percent: no truth"
    else:
        source = truth.table.source
        made_up = "MADE UP, and says nothing; " if source.made_up else ""
        what = f"true accuracies of the found architectures in percent ({made_up}{source.name}, {source.version})"
    return [
        f"{what}; mean ± sample deviation over n seeds; in brackets the 95 % bootstrap interval of the mean where n is "
        "3 or more (percentiles over seeds: too narrow for few)"
    ]


def _about_tests(baseline: str | None) -> list[str]:
    if baseline is None:
        return []
    return [
        f"p: two-sided Wilcoxon signed-rank test against {baseline} over common seeds (in brackets how many pairs), "
        f"given for {LEAST_PAIRS} or more pairs that differ; not corrected for the number of comparisons"
    ]


def _about_baselines(plan: Plan, truth: Truth | None) -> list[str]:
    if truth is None:
        return []
    config = plan.rows[0].config
    size = config.space.network_class.size_of(config.supernet)
    stated = ", ".join(f"{name}={value}" for name, value in size.items())
    return [
        "random rows: mean ± deviation over all draws, exactly; live parameters are those of edges on a way from input "
        f"to output; parameters of these rows are those of networks with {stated}"
    ]


def _about_costs(plan: Plan) -> list[str]:
    stated = any(row.cost is not None for row in plan.rows)
    return ["cost: as stated in the study; 1 is that of 10,000 uniform single-path steps"] if stated else []


def _about_missing(plan: Plan, results: Mapping[str, Sequence[Found]], failures: Sequence[Failure]) -> list[str]:
    notes = []
    for row in plan.rows:
        failed = sum(failure.label == row.label for failure in failures)
        waiting = len(row.runs) - len(results[row.label]) - failed
        if waiting:
            notes.append(f"{row.label}: {waiting} of {len(row.runs)} runs not finished")
    return notes
