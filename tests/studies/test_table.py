"""Tables of hand-made results: what is in a line, and how it is written."""

import csv
import io
import re

import numpy as np
import pytest

from supernas.core.errors import UserError
from supernas.evaluation.live_parameters import pair_parameters, parameter_scores
from supernas.studies import writing
from supernas.studies.plan import read_study
from supernas.studies.results import SUPERNET_ACCURACY, Failure, Found, Truth, check_tables
from supernas.studies.table import make_table
from supernas.studies.writing import csv_text, latex, markdown, save_study

COLUMN = "cifar10 test 200 (train)"
CELLS = ["11472", "1462", "11472", "1462", "11472"]  # ResNet cell, largest cell, ...


def results_of(study, values):
    """By label, one finished run a value, with seeds 0, 1, ...; its values are of one column."""
    found = {}
    for row in study.rows:
        space = row.config.space
        found[row.label] = [
            Found(
                run,
                space.parse(cell),
                {"seconds": 60.0 * (1 + run.seed), "parameters": 1000 + run.seed},
                value,
                (1.0, 2.0),
            )
            for run, cell, value in zip(row.runs, CELLS, values.get(row.label, []), strict=False)
        ]
    return found


@pytest.fixture
def study():
    return read_study(
        {
            "name": "by-hand",
            "seeds": [0, 1, 2, 3, 4],
            "baseline": "base",
            "run": [
                {"label": "base", "method": "random-nas", "cost": 0.5},
                {"label": "a_b | 100 %", "method": "e2nas"},
                {"label": "late", "method": "e2nas", "seeds": [9], "search": {"epochs": 3}},
            ],
        }
    )


@pytest.fixture
def table(study):
    base = [{SUPERNET_ACCURACY: value} for value in (10.0, 20.0, 30.0, 40.0, 50.0)]
    other = [{SUPERNET_ACCURACY: value} for value in (11.0, 22.0, 33.0, 44.0, 55.0)]
    failure = Failure("late", 9, "somewhere", "no luck")
    return make_table(study, results_of(study, {"base": base, "a_b | 100 %": other}), None, [failure])


def test_lines_by_hand(table):
    base, other, late = table.lines
    assert table.columns == (SUPERNET_ACCURACY,)
    assert (base.n, base.cost, base.values[SUPERNET_ACCURACY].mean) == (5, 0.5, 30.0)
    assert base.values[SUPERNET_ACCURACY].deviation == pytest.approx(np.sqrt(250))
    assert base.tests == {}
    assert other.tests[SUPERNET_ACCURACY].p == 2 / 32  # five wins of five
    assert (base.minutes.mean, base.minutes.deviation) == (3.0, pytest.approx(np.sqrt(2.5)))
    assert base.parameters == 1002.0
    assert base.operations == {"none": 6 / 5, "skip_connect": 6 / 5, "nor_conv_3x3": (3 * 2 + 2 * 6) / 5}
    assert (late.n, late.values, late.minutes) == (0, {}, None)


def test_notes(table, study):
    text = "\n".join(table.notes)
    for said in ("no truth", "against base", "late, seed 9, failed: no luck", "10,000 uniform single-path steps"):
        assert said in text
    assert "not finished" not in text
    nothing = make_table(study, results_of(study, {}), None, [])
    assert {"base: 5 of 5 runs not finished", "late: 1 of 1 runs not finished"} <= set(nothing.notes)


def test_markdown(table):
    rows = [re.split(r"(?<!\\)\|", line) for line in markdown(table).splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {len(rows[0])}
    cells = [[cell.strip() for cell in row[1:-1]] for row in rows]
    assert cells[0] == ["", "n", SUPERNET_ACCURACY, "p", "minutes", "cost", "parameters", "operations"]
    assert cells[2][:6] == ["base", "5", "30.00 ± 15.81 [18.00, 42.00]", "", "3.0 ± 1.6", "0.5"]
    assert cells[3][0] == "a_b \\| 100 %"
    assert cells[3][3:6] == ["0.0625 (5)", "3.0 ± 1.6", "-"]
    assert cells[4] == ["late", "0", "-", "", "", "", "", ""]


def test_csv(table):
    rows = list(csv.DictReader(io.StringIO(csv_text(table))))
    assert [row["label"] for row in rows] == ["base", "a_b | 100 %", "late"]
    assert float(rows[1][f"{SUPERNET_ACCURACY}: mean"]) == 33.0
    assert float(rows[1][f"{SUPERNET_ACCURACY}: p"]) == 0.0625
    assert (
        rows[0][f"{SUPERNET_ACCURACY}: p"],
        rows[0][f"{SUPERNET_ACCURACY}: pairs"],
        rows[2][f"{SUPERNET_ACCURACY}: mean"],
    ) == ("", "", "")


def test_latex_has_no_bare_special_character(table):
    text = latex(table)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert "a\\_b | 100 \\%" in body
    assert "$\\pm$" in body
    assert not re.search(r"(?<!\\)[%#_±]", body)
    for line in body.splitlines():
        if line.endswith("\\\\"):
            assert line.count("&") == 7


def test_a_row_without_a_truth_says_so(study):
    values = [{SUPERNET_ACCURACY: value} for value in (10.0, float("nan"), 30.0)]
    line = make_table(study, results_of(study, {"base": values}), None, []).lines[0]
    assert (line.n, line.values[SUPERNET_ACCURACY].n) == (3, 2)
    assert "20.00 ± 14.14 (n = 2)" in markdown(make_table(study, results_of(study, {"base": values}), None, []))


def test_what_needs_no_search(study, space, table_file):
    with_truth = read_study({**study.document, "benchmark": str(table_file), "truth": [COLUMN], "random": 7})
    truth = Truth.of(with_truth)
    column = truth.columns[COLUMN]
    made = make_table(with_truth, results_of(with_truth, {}), truth, [])
    lines = {line.label: line for line in made.lines[3:]}
    assert lines["ResNet cell"].values[COLUMN].mean == column[11472]
    assert lines["largest cell (all 3x3)"].operations == {"nor_conv_3x3": 6}
    assert lines["a random one of all 15,625"].values[COLUMN].mean == pytest.approx(column.mean())
    assert "MADE UP" in made.notes[0]

    counts = pair_parameters(space, **vars(with_truth.rows[0].config.supernet))
    scores = {**parameter_scores(space, list(space), counts), "that true accuracy (an oracle)": column}
    drawn = np.random.default_rng(0).integers(len(space), size=(4000, 7))
    for score, values in scores.items():
        best = column[drawn[np.arange(4000), values[drawn].argmax(axis=1)]]
        found = lines[f"best of 7 random by {score}"].values[COLUMN]
        assert found.mean == pytest.approx(best.mean(), abs=4 * best.std() / np.sqrt(4000))
        assert found.deviation == pytest.approx(best.std(), rel=0.1)


def test_the_picture_ends_where_the_table_does(table, study, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(writing, "plot_epochs", lambda curves, path, **options: drawn.update(options, curves=curves))
    values = [{SUPERNET_ACCURACY: value} for value in (1.0, 2.0, 6.0)]
    found = results_of(study, {"base": values})
    save_study(make_table(study, found, None, []), found, None, tmp_path)
    assert drawn["ends"] == {"base": 3.0}
    assert "dots: returned, as in the table" in drawn["title"]


def test_files(table, study, tmp_path):
    found = results_of(study, {"base": [{SUPERNET_ACCURACY: 1.0}] * 3})
    files = save_study(table, found, None, tmp_path / "new")
    assert [file.name for file in files] == ["table.md", "table.csv", "table.tex", "trajectories.svg"]
    before = files[-1].read_bytes()
    assert before.startswith(b"<?xml")
    assert save_study(table, found, None, tmp_path / "new")[-1].read_bytes() == before
    for file in files:
        check_tables(tmp_path / "new")
        whole = file.read_bytes()
        file.write_bytes(whole.replace(b"1.0", b"7.0", 1) if b"1.0" in whole else whole + b" ")
        with pytest.raises(UserError, match=f"{file.name} is damaged"):
            check_tables(tmp_path / "new")
        file.write_bytes(whole)
    assert [file.name for file in save_study(table, {}, None, tmp_path / "none")] == [
        "table.md",
        "table.csv",
        "table.tex",
    ]
