"""Ground truth is recorded, and out of reach of everything that searches."""

from runs_toy import left_behind, make, undigested
from supernas import spaces
from supernas.benchmarks import made_up_table, truths
from test_floors import MODULES, imported


def test_truth_is_recorded_and_changes_nothing(tmp_path):
    table = made_up_table(seed=3)
    make("search", tmp_path / "blind").run()
    result = make("search", tmp_path / "told", truth=truths(table, spaces.get("nas-bench-201"))).run()
    blind, told = left_behind(tmp_path / "blind"), left_behind(tmp_path / "told")
    name = "cifar10 test 200 (train+valid)"
    asked = {"dataset": "cifar10", "split": "test", "epochs": 200, "trained_on": "train+valid"}
    assert told["result"].pop("truth")[name] == table.query(result.architecture, **asked).mean
    for line in told["lines"]:
        assert line.pop("truth")[name] == table.query(line["architecture"], **asked).mean
    assert undigested(told) == undigested(blind)


def test_nothing_that_searches_can_reach_a_benchmark():
    searches = ("methods", "steps", "runs")
    searching = {module for module in MODULES if module[0] in searches or module[:2] == ("evaluation", "selection")}
    reached: set[tuple[str, ...]] = set()
    while searching:
        module = searching.pop()
        reached.add(module)
        searching |= imported(module) - reached
    assert {("runs", "search"), ("spaces", "search_strategies", "evolution")} <= reached
    assert not {module for module in reached if module[0] == "benchmarks"}
