"""The commands on tables: what they print, and what they refuse."""

import json

import pytest
import typer
from typer.testing import CliRunner

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.made_up import made_up_table
from supernas.benchmarks.table import Source
from supernas.cli.benchmark import benchmark_app, query
from supernas.core.errors import UserError

app = typer.Typer()
app.add_typer(benchmark_app, name="benchmark")
app.command()(query)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A made-up table of two seeds on the disk."""
    table = made_up_table(trainings=2)
    path = tmp_path_factory.mktemp("tables") / "made-up.safetensors"
    with Collector("nas-bench-201", path) as collector:
        for column in table.columns:
            for seed in table.seeds(column):
                values = table.column(**vars(column), seed=seed)
                for index in range(len(table)):
                    collector.accuracy(index, column, seed, values[index])
        collector.write(Source("made-up accuracies", "none", "", made_up=True))
    return path


def run(*arguments):
    """What a command prints; its mistakes are raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_question_is_answered_for_an_index_a_text_and_a_run(file, tmp_path, space):
    truth = made_up_table(trainings=2).query(7, dataset="cifar10", split="valid", epochs=12)
    result = {"space": space.name, "architecture": space.format(space[7])}
    (tmp_path / "result.json").write_text(json.dumps(result))
    line = f"03/12 01:15 PM best: Structure(4 nodes with {space.format(space[7])}) saved to a/b"
    for architecture in (7, space.format(space[7]), line, tmp_path):
        output = run("query", architecture, "--benchmark", file, "--split", "valid")
        assert f"{truth.mean:.2f} ± {truth.deviation:.2f} % (n = 2)" in output
        assert "split=valid epochs=12 seed=mean" in output
    single = made_up_table(trainings=2).query(7, split="valid", seed=888)
    assert f"{single.mean:.2f} %" in run("query", 7, "--benchmark", file, "--split", "valid", "--seed", 888)


def test_an_ambiguous_question_is_refused_in_the_words_of_the_command_line(file, tmp_path):
    with pytest.raises(UserError, match=r"add --trained-on train\|train\+valid$"):
        run("query", 7, "--benchmark", file, "--split", "test", "--epochs", 200)
    with pytest.raises(UserError, match=r"--seed 5; wanted 777\|888\|mean"):
        run("query", 7, "--benchmark", file, "--split", "valid", "--seed", 5)
    with pytest.raises(UserError, match=r"here it is --dataset cifar10 --trained-on train$"):
        run("query", 7, "--benchmark", file, "--dataset", "cifar10-valid")
    with pytest.raises(UserError, match="no run folder"):
        run("query", "runs/none", "--benchmark", file)
    with pytest.raises(UserError, match=r"no result\.json"):
        run("query", tmp_path, "--benchmark", file)


def test_info_names_every_column_and_its_optimum(file):
    output = run("benchmark", "info", file)
    best = made_up_table(trainings=2).best(split="valid")
    row = next(line.split() for line in output.splitlines() if " valid " in line)
    assert row == ["cifar10", "train", "valid", "12", "777", "888", "15,625", f"{best.value.mean:.2f}", str(best.index)]


def test_baselines_print_and_draw(file, tmp_path):
    plot = tmp_path / "t.svg"
    output = run("benchmark", "baselines", file, "--evaluations", 20, "--runs", 2, "--plot", plot)
    assert "regularised-evolution" in output
    assert plot.read_text().startswith("<?xml")


def test_an_import_is_summed_up(space, tmp_path):
    lines = ["arch,cifar10_test_200", *(f"{space.format(cell)},{index % 90}" for index, cell in enumerate(space))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    output = run("benchmark", "import", tmp_path / "a.csv", tmp_path / "a.safetensors")
    assert "15,625 of 15,625" in output
