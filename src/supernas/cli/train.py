"""`supernas train`: one architecture, from scratch."""

from collections.abc import Sequence
from statistics import mean, stdev

from supernas.api import Training
from supernas.cli.rows import print_rows
from supernas.cli.running import run_displayed
from supernas.cli.twin import twin
from supernas.core.documents import Document
from supernas.runs.training import TrainResult

__all__ = ["train"]


@twin(Training)
def train(given: Document) -> None:
    """Train an architecture from scratch and test it. With a search's folder, its space, data and preset are taken."""
    run = Training(**given)
    result = run_displayed(run, given["resume"])
    rows = {
        "architecture": result.text,
        **_judged(result, run.data.examples),
        "parameters": f"{result.record['parameters']:,}",
        "run folder": str(result.folder),
    }
    if result.random:
        rows["random architectures"] = _spread(result.random)
    print_rows(rows)


def _judged(result: TrainResult, examples: str) -> dict[str, str]:
    """What the training is judged by: the test data, or validation data where these are left alone."""
    task, quantity = result.task, result.task.quantity
    if result.test_metric is not None:
        return {f"test {quantity}": task.text(result.test_metric)}
    if result.valid_metric is not None:
        return {f"validation {quantity}": f"{task.text(result.valid_metric)} (the test {examples} were not looked at)"}
    return {f"test {quantity}": f"no test {examples}"}


def _spread(results: Sequence[TrainResult]) -> str:
    """Mean, deviation and n of the test metrics of random architectures."""
    task, count = results[0].task, len(results)
    metrics = [result.record[f"test_{task.quantity}"] for result in results]
    spread = f"{mean(metrics):.2f} +- {task.text(stdev(metrics) if count > 1 else 0.0)}"
    return f"{spread} test {task.quantity} (mean, deviation, n = {count}, trained alike)"
