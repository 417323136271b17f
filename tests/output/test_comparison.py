"""Runs side by side: rows by what differs, ranks, fronts and courses as worked by hand, and a page that holds them."""

import json
import re

import pytest
import typer.testing

from supernas.cli import app
from supernas.core.errors import UserError
from supernas.core.records import digests, write_record
from supernas.output.report import planes
from supernas.output.report.compared import quantities, rows
from supernas.output.report.comparison import compare
from supernas.output.report.folder import read
from supernas.output.report.page import render, report
from supernas.output.report.rank_diagram import rank_diagram
from supernas.runs.configuration import resolve_search, resolve_train
from supernas.studies.plan import read_study
from supernas.studies.ranks import rank_test

from .test_report import EVIL, checked

CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|"


def search(folder, document, seed, value, *, flops=100, course=(), **record):
    """The folder of a finished search that found something of a value."""
    folder.mkdir(parents=True)
    config = resolve_search({**document, "search": {**document.get("search", {}), "seed": seed}})
    (folder / "config.json").write_text(json.dumps(config.document()))
    lines = [{"epoch": place, "seconds": 60.0 * (place + 1), "valid_metric": one} for place, one in enumerate(course)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    known = {"architecture": CELL, "data": "digits", "metric": "accuracy_percent", "metric_direction": "max"}
    known |= {"valid_accuracy": value, "flops": flops, "parameters": 10, "seconds": 120.0, "seed": seed, **record}
    write_record(folder / "result.json", {**known, "files": digests(folder)})
    return folder


@pytest.fixture
def runs(tmp_path):
    """Two methods, two seeds each."""
    made = {("gdas", 0): 50.0, ("gdas", 1): 60.0, ("snas", 0): 70.0, ("snas", 1): 90.0}
    costs = iter((10, 20, 30, 15))
    return [
        search(tmp_path / f"{method}-{seed}", {"method": method}, seed, value, flops=next(costs), course=(value, value))
        for (method, seed), value in made.items()
    ]


def test_rows_are_named_by_what_differs(tmp_path):
    documents = [
        {"method": "gdas"},
        {"method": "snas"},
        {"method": "gdas", "objective": "nsas"},
        {"method": "gdas", "objective": {"name": "nsas", "members": 3}},
        {"method": "gdas", "budget": {"max_flops": 5.0}},
    ]
    folders = [search(tmp_path / str(place), one, place % 2, 1.0) for place, one in enumerate(documents)]
    labels = [row.label for row in rows(read(folder) for folder in folders)]
    gdas = ["gdas, plain", "gdas, nsas, members=8", "gdas, nsas, members=3", "gdas, plain, max_flops=5.0"]
    assert labels == [gdas[0], "snas, plain", *gdas[1:]]


def test_seeds_share_a_row_and_a_run_counts_once(runs):
    assert [(row.label, sorted(row.runs)) for row in rows(map(read, runs))] == [("gdas", [0, 1]), ("snas", [0, 1])]
    with pytest.raises(UserError, match=r"gdas-0 and .*gdas-0 are the same run with seed 0; leave one out"):
        rows(map(read, [*runs, runs[0]]))


def test_what_only_one_row_has_is_not_compared(tmp_path, runs):
    other = search(tmp_path / "other", {"method": "darts"}, 0, 1.0, data="another")
    names = [quantity.name for quantity in quantities(rows(map(read, [*runs, other])))]
    assert names == ["validation accuracy, %, inherited weights (digits)"]
    assert quantities(rows(map(read, runs[:2]))) == []


@pytest.mark.parametrize(("direction", "best"), [("max", "snas"), ("min", "gdas")])
def test_the_better_direction_is_that_of_the_metric(tmp_path, direction, best):
    known = {"metric": "error", "metric_direction": direction, "data": "own"}
    folders = [
        search(tmp_path / f"{method}{seed}", {"method": method}, seed, value + seed, flops=5, **known)
        for method, value in (("gdas", 1.0), ("snas", 3.0))
        for seed in (0, 1)
    ]
    found = compare(rows(map(read, folders)))
    diagram = str(found.sections[0].figures[0])
    assert f">{best} 1.00<" in diagram
    assert [row[0] for row in found.front[1:]] == [best]


def test_a_metric_of_which_nobody_says_what_is_better_is_left_out(tmp_path):
    folders = [
        search(tmp_path / method, {"method": method}, 0, 1.0, metric="score", metric_direction=None)
        for method in ("gdas", "snas")
    ]
    assert quantities(rows(map(read, folders))) == []


def test_the_front_is_what_no_run_beats(runs):
    found = compare(rows(map(read, runs)))
    header, *front = found.front
    assert header[2:4] == ["validation accuracy, %, inherited weights (digits)", "multiply-adds"]
    assert [row[:4] for row in front] == [["gdas", "0", "50.00", "10"], ["snas", "1", "90.00", "15"]]
    (drawn,) = (section.figures[0] for section in found.sections if section.title == "Value and cost")
    (line,) = re.findall(r'class="line front" d="([^"]+)"', str(drawn))
    assert len(re.findall("[MV]", line)) == 2
    assert str(drawn).count('class="member') == 4


def test_latency_is_a_cost_where_all_have_it(tmp_path):
    both = [
        search(tmp_path / "a", {"method": "gdas"}, 0, 50.0, latency_ms=1.0, flops=20),
        search(tmp_path / "b", {"method": "snas"}, 0, 60.0, latency_ms=2.0, flops=10),
    ]
    found = compare(rows(map(read, both)))
    assert [row[:1] for row in found.front] == [[""], ["snas"], ["gdas"]]  # each is worse in one of three
    assert found.front[0][3:5] == ["multiply-adds", "milliseconds for one input"]
    third = search(tmp_path / "c", {"method": "darts"}, 0, 1.0, flops=100)
    assert [row[0] for row in compare(rows(map(read, [*both, third]))).front] == ["", "snas"]


def test_a_course_is_the_mean_of_what_its_seeds_would_have_answered(tmp_path):
    first = search(tmp_path / "a", {"method": "gdas"}, 0, 9.0, course=(1.0, 3.0))
    second = search(tmp_path / "b", {"method": "gdas"}, 1, 9.0, course=(5.0, 5.0, 9.0))
    other = search(tmp_path / "c", {"method": "snas"}, 0, 2.0, course=(2.0,))
    (section,) = (one for one in compare(rows(map(read, [first, second, other]))).sections if one.title == "Anytime")
    wanted = {"gdas": [(1.0, 3.0), (2.0, 4.0), (3.0, 6.0)], "snas": [(1.0, 2.0)]}
    title = "validation accuracy, %, inherited weights (digits)"
    assert section.figures == [planes.curves(wanted, title, "minutes of the search", {"gdas": 9.0, "snas": 2.0})]


def test_points_are_where_their_numbers_are():
    drawn = str(planes.scattered({"a": [(0.0, 0.0), (10.0, 50.0)], "b": [(5.0, 25.0)]}, [(0.0, 0.0)], "t", "x"))
    points = [tuple(map(float, one)) for one in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', drawn)]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert (x0 + x1) / 2 == pytest.approx(x2, abs=0.1)
    assert (y0 + y1) / 2 == pytest.approx(y2, abs=0.1)
    assert x0 < x1
    assert y0 > y1
    assert planes.scattered({"a": []}, [], "t", "x") == planes.curves({}, "t", "x") == ""


def test_a_diagram_has_every_name_at_its_rank():
    names = [f"row {letter}" for letter in "abcdefg"]
    test = rank_test({name: {block: -float(place) for block in range(5)} for place, name in enumerate(names)})
    drawn = str(rank_diagram(test, "t"))
    stems = [float(x) for x in re.findall(r'class="leaf" d="M([\d.]+) ', drawn)]
    ticks = [float(x) for x in re.findall(r'class="ink" d="M([\d.]+) \d+v-5"', drawn)]
    assert sorted(stems) == sorted(ticks)
    heights = re.findall(r'class="tick halo[^"]*" x="\d+" y="([\d.]+)"', drawn)
    assert len(heights) == len(set(heights)) == len(names)
    assert drawn.count('class="alike"') == len(test.alike) > 1
    assert max(map(float, heights)) < float(re.search(r'viewBox="0 0 360 (\d+)', drawn)[1])


def test_the_page_of_several_runs(runs, tmp_path):
    done = typer.testing.CliRunner().invoke(app.app, ["report", *map(str, runs)])
    assert done.exit_code == 0, done.output
    assert done.output.split() == [str(tmp_path / "comparison.html")]
    page = checked((tmp_path / "comparison.html").read_text())
    for words in (
        "Comparison of 4 runs",
        "Ranks",
        "CD 1.39",
        "Value and cost",
        "Anytime",
        "snas 1.00",
        "80.00 ± 14.14",
    ):
        assert words in page.text, words
    assert {"run-1", "run-4"} <= set(page.ids)
    assert report(*runs, out=tmp_path / "other.html").read_text() == (tmp_path / "comparison.html").read_text()


def test_a_comparison_lies_where_its_runs_do(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(report("gdas-0", "snas-0")) == "comparison.html"
    monkeypatch.chdir(runs[0])
    assert str(report(".", "../snas-0")) == "../comparison.html"
    with pytest.raises(UserError, match="nothing to report on"):
        report()


def test_searches_and_trainings_go_together(runs, tmp_path):
    training = tmp_path / "training"
    training.mkdir()
    config = resolve_train({"architecture": CELL}).document()
    (training / "config.json").write_text(json.dumps(config))
    page = checked(render(*runs, training))
    assert "train" in page.text
    assert "0 (1 not finished)" in page.text
    with pytest.raises(UserError, match="there is no folder"):
        render(runs[0], tmp_path / "missing")


def test_a_study_compares_its_rows_by_their_labels(runs, tmp_path):
    document = {"seeds": [0, 1], "run": [{"method": "gdas", "label": "Mine"}, {"method": "snas", "label": "Theirs"}]}
    study = tmp_path / "study"
    study.mkdir()
    for run in runs:
        run.rename(study / run.name)
    (study / "study.json").write_text(json.dumps(read_study(document).document))
    page = checked(render(study))
    assert "Theirs 1.00" in page.text
    assert "Anytime" in page.text
    beside = search(tmp_path / "x", {}, 0, 5.0)
    assert "Comparison of 5 runs" in checked(render(study, beside)).text
    with pytest.raises(UserError, match="leave one out"):
        render(study, study / "gdas-0")


def test_nothing_of_a_file_becomes_markup(tmp_path):
    evil = {"data": EVIL, "metric": f"accuracy {EVIL}", "truth": {EVIL: 5.0}}
    pairs = [(method, seed) for method in ("gdas", "snas") for seed in (0, 1)]
    folders = [search(tmp_path / f"{method}{seed}", {"method": method}, seed, 1.0, **evil) for method, seed in pairs]
    text = render(*folders)
    checked(text)
    assert EVIL not in text
