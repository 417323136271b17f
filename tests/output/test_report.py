"""The page of a run or a study: all in it, nothing from outside, and nothing that a file could smuggle in."""

import html
import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import typer.testing
from torch import nn

import supernas
from runs_toy import noted_anew
from supernas import api
from supernas.cli import app
from supernas.core.errors import UserError
from supernas.core.records import digest_file, digests, write_record
from supernas.core.settings import parse_value
from supernas.evaluation.recorded_search import RecordedSearch
from supernas.output import report as report_package
from supernas.output.report import charts, command
from supernas.output.report.page import render, report
from supernas.runs.cell_picture import PALETTE
from supernas.runs.configuration import resolve_search, resolve_train
from supernas.studies.plan import read_study

TOY = {
    "method": {"name": "darts"},
    "supernet": {"channels": 2, "cells": 1},
    "data": {"source": "digits", "train_size": 64, "resolution": 4},
    "search": {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
VOID = {"meta", "img", "br", "link", "input", "path", "line", "circle", "rect"}


class Page(HTMLParser):
    """Checks that elements close in order, and collects texts, links and ids."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.ids, self.words, self.handlers = [], set(), [], [], [], []
        self.policies = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self._saw(tag, attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self._saw(tag, attributes)

    def _saw(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "action")]
        self.ids += [value for name, value in attributes if name == "id"]
        if ("http-equiv", "Content-Security-Policy") in attributes:
            self.policies.append(dict(attributes)["content"])
        self.handlers += [name for name, _ in attributes if name.startswith("on")]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def checked(text):
    """The page, if it is whole and needs nothing from outside."""
    page = Page(text)
    assert all(link.startswith(("#", "data:image/svg+xml;base64,")) for link in page.links), page.links
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert not page.tags & {"script", "iframe", "link", "object", "embed", "form"}
    assert not page.handlers
    assert "@import" not in text
    assert page.policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert not re.search(r"url\((?!#tip)", text)
    return page


class Net(nn.Module):
    """A model of one's own."""

    def __init__(self):
        super().__init__()
        self.first = supernas.Choice(
            "first", {"line": nn.Linear(4, 2), "bend": nn.Sequential(nn.Linear(4, 2), nn.ReLU())}
        )

    def forward(self, x):
        return self.first(x)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished search, watched and followed."""
    return api.search(
        config=TOY, watch="entropy,skips,depth,gap", track=2, out=tmp_path_factory.mktemp("report") / "run"
    ).folder


def test_a_page_of_a_search_has_everything(folder):
    text = render(folder)
    page = checked(text)
    record = json.loads((folder / "result.json").read_text())
    assert f"{record['parameters']:,}" in page.text
    assert record["architecture"] in page.text
    assert record["versions"]["torch"] in page.text
    for words in (
        *("darts on nas-bench-201, digits", "Trajectory", "losses", "operations of the derived architecture"),
        *("Watched", "entropy part", "skips", "depth", "mixture", "difference", "Followed architectures", "A2"),
        *("Forgetting", "minutes", "seed", "config.json", '"train_size": 64', "supernas search --space nas-bench-201"),
    ):
        assert words in page.text, words
    assert "skip_connect" in page.text
    assert text.count('<figure class="chart">') >= 8
    assert "prefers-color-scheme: dark" in text
    assert render(folder) == text


def test_a_curve_is_where_its_numbers_are():
    drawn = str(charts.lines({"one": [0.0, None, 10.0, 5.0]}, "t"))
    (curve,) = re.findall(r'class="line s0 d0" d="([^"]+)"', drawn)
    (dots,) = re.findall(r'class="line s0 d0 lonely" d="([^"]+)"', drawn)
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", dots + curve)]
    assert re.findall("[MLh]", dots + curve) == ["M", "h", "M", "L"]  # a gap where nothing is known
    (x0, y0), (x2, y2), (x3, y3) = points
    assert (x2 - x0) / 2 == pytest.approx(x3 - x2, abs=0.1)
    assert y3 == pytest.approx((y0 + y2) / 2, abs=0.1)
    assert y2 < y0
    assert "<legend" not in drawn
    assert charts.lines({"one": [None]}, "t") == ""


@pytest.mark.parametrize("values", [[1.0], [1.0, None, 2.0], [1.0, None, 2.0, 3.0, None, 1.0, None]], ids=str)
def test_no_point_is_without_a_stroke(values):
    """A path that only moves is not drawn at all."""
    drawn = str(charts.lines({"one": values}, "t"))
    subpaths = [part for d in re.findall(r' d="(M[^"]+)"', drawn) for part in d.split("M")[1:]]
    assert sum(1 + part.count("L") for part in subpaths) == sum(value is not None for value in values)
    assert all("L" in part or part.endswith("h0") for part in subpaths)


@pytest.mark.parametrize("values", [[5e-324] * 2, [-5e-324], [0.0, 2e-323], [0.0], [7.0]], ids=str)
def test_an_axis_has_a_length(values):
    drawn = str(charts.lines({"one": values}, "t"))
    heights = [float(y) for y in re.findall(r'cy="([^"]+)"', drawn)]
    assert len(heights) == len(values)
    assert all(0 <= height <= 210 for height in heights)


def test_what_came_out_in_the_end_is_a_dot_of_its_curve():
    drawn = str(charts.lines({"one": [0.0, 10.0], "two": [5.0, 5.0]}, "t", ends={"two": 20.0, "three": 40.0}))
    assert "two, returned: 20<" in drawn
    assert "three" not in drawn
    ((colour, x, y),) = re.findall(r'class="end k(\d) d0" cx="([\d.]+)" cy="([\d.]+)"', drawn)
    points = re.findall(r'class="point" cx="([\d.]+)" cy="([\d.]+)" r="5"><title>one', drawn)
    assert (colour, x) == ("1", points[-1][0])
    (_, zero), (_, ten) = ((float(place) for place in point) for point in points)
    assert float(y) == pytest.approx(ten - (zero - ten), abs=0.2)  # within the axes


def test_the_trajectory_ends_where_the_table_does(folder, tmp_path):
    """The answer of a search need not be the architecture of its last epoch."""
    for name in ("config.json", "metrics.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    record = json.loads((folder / "result.json").read_text())
    lines = [
        json.loads(line) | {"truth": {"cifar10 test": 50.0}}
        for line in (folder / "metrics.jsonl").read_text().splitlines()
    ]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    changed = {**record, "valid_accuracy": 87.25, "truth": {"cifar10 test": 91.5}, "files": digests(tmp_path)}
    write_record(tmp_path / "result.json", changed)
    page = checked(render(tmp_path)).text
    assert "valid, returned: 87.25" in page
    assert "test, returned: 91.5" in page
    assert "Dots: the one that was returned in the end" in page
    (tmp_path / "result.json").unlink()  # nothing is returned yet
    assert "returned: " not in checked(render(tmp_path)).text


def test_an_operation_has_one_colour(folder):
    text = render(folder)
    arcs = re.findall(r'<text [^>]*fill="var\(--c(\d)\)"[^>]*>(\w+)</text>', text)
    bars = re.findall(r'<rect class="k(\d) d0"[^>]*><title>(\w+), epoch', text)
    legend = re.findall(r'<rect class="k(\d) d0" [^>]*x="3"/></svg>(\w+)</li>', text)
    names = list(supernas.space("nas-bench-201").option_names)
    assert arcs
    assert bars
    assert len(legend) > 1
    for colour, name in (*arcs, *bars, *legend):
        assert names[int(colour)] == name
    style = re.search(r"--c0: (\S+); --c1: (\S+); --c2: (\S+); --c3: (\S+); --c4: (\S+); ", text).groups()
    assert style == PALETTE[:5]  # and in cell.svg the same


def test_colours_of_a_model_of_ones_own_follow_its_options(tmp_path):
    drawn = {"space": {"name": "own", "choices": {"a": ["x", "y"], "b": ["y", "z"]}}, "search": {}}
    (tmp_path / "config.json").write_text(json.dumps(drawn))
    (tmp_path / "metrics.jsonl").write_text(json.dumps({"operations": {"z": 1, "y": 1}}) + "\n")
    assert re.findall(r'class="k(\d) d0"[^>]*><title>(\w)', render(tmp_path)) == [("1", "y"), ("2", "z")]


def test_what_a_row_is_about_stays_in_sight(folder):
    """Tables that are wider than a page scroll, all but their first column."""
    text = render(folder)
    (rule,) = re.findall(r"\.scroll th:first-child, \.scroll td:first-child \{([^}]*)\}", text)
    assert re.search(r"position: sticky;\s+left: 0;\s+background: var\(--card\)", rule)
    for template in Path(report_package.__file__).with_name("templates").glob("*.html"):
        assert not re.findall(r'(?<!<div class="scroll">)<table', template.read_text()), template.name


def test_bars_are_stacked_to_their_sums():
    drawn = str(charts.stacked([{"a": 1, "b": 3}, {"b": 4}], "t"))
    found = re.findall(r'y="([\d.]+)" width="[\d.]+" height="([\d.]+)"><title', drawn)
    bars = [tuple(map(float, one)) for one in found]
    (top_a, height_a), (top_b, height_b), (top, height) = bars
    assert height_b == pytest.approx(3 * height_a, abs=0.2)
    assert height == pytest.approx(height_a + height_b, abs=0.2)
    assert top_b + height_b == pytest.approx(top_a, abs=0.2)
    assert top == top_b


@pytest.mark.parametrize(
    "document",
    [
        TOY,
        {},
        {"method": {"name": "e2nas", "gamma": 0.5, "adam": {"beta1": 0.3}}, "search": {"preset": "cpu", "seed": 3}},
        {"space": {"name": "darts-cnn", "operations": "S2"}, "method": "pc-darts", "data": {"augmentation": None}},
        {"space": "darts-rnn", "method": "random-nas", "objective": {"name": "nsas", "members": 3}},
        {
            "method": "darts",
            "watch": {"hessian": {"probes": 3}, "skips": {"operations": ["none"]}},
            "stopping": {"name": "watched", "threshold": 2.5},
            "data": {"source": "a folder; rm -rf"},
        },
        {"method": "darts", "watch": {"depth": {}}, "stopping": {"name": "watched", "quantity": "depth.cell"}},
    ],
)
def test_the_command_means_the_same_search(document, monkeypatch):
    """The words go through the command line itself, up to where the search would begin."""
    wanted = resolve_search(document)
    words = shlex.split(command.repeating_command(wanted.document()))
    assert words[:2] == ["supernas", "search"]
    made = []

    def begin(search, config, *arguments, **options):
        made.append(config)
        raise UserError("far enough")

    monkeypatch.setattr(RecordedSearch, "__init__", begin)
    outcome = typer.testing.CliRunner().invoke(app.app, words[1:])
    assert isinstance(outcome.exception, UserError), outcome.output
    assert str(outcome.exception) == "far enough"
    assert made[0].document() == wanted.document()


def test_the_command_of_a_training():
    wanted = resolve_train({"architecture": "6111", "train": {"epochs": 3, "ema": 0.9}, "data": {"train_size": 64}})
    words = shlex.split(command.repeating_command(wanted.document()))
    assert words[:2] == ["supernas", "train"]
    assert words[2] == wanted.text
    sets = dict(words[place + 1].split("=", 1) for place, word in enumerate(words) if word == "--set")
    assert {name: parse_value(text) for name, text in sets.items()} == {"train.ema": 0.9, "data.train_size": 64}
    assert words[words.index("--epochs") + 1] == "3"
    assert command.repeating_command({"search": {}, "space": {"name": "of one's own", "choices": {}}}) is None


def test_no_command_is_offered_that_would_mean_something_else(monkeypatch):
    document = resolve_search({"search": {"epochs": 3}}).document()
    assert command.repeating_command(document)
    monkeypatch.setattr(command, "_differences", lambda *documents: [])  # what must be set is lost
    assert command.repeating_command(document) is None


def test_a_model_of_ones_own_is_given_again_in_python(tmp_path, monkeypatch):
    """What the page says is done, with the model and the data put in."""
    space, options = supernas.ModelSpace(Net), ["search.batch_size=8", "search.validation_images=8"]
    data = (torch.randn(40, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2)
    monkeypatch.chdir(tmp_path)
    first = supernas.search(space=space, data=data, method="darts", epochs=1, set=options, out=tmp_path, device="cpu")
    page = render(tmp_path)
    assert "must be given again there" in checked(page).text
    assert "supernas search" not in page
    (said,) = re.findall(r"<code>(supernas\.search.*)</code>", page)
    said = html.unescape(said).replace("supernas.ModelSpace(...)", "space").replace("data=...", "data=data")
    again = eval(said, {"supernas": supernas, "json": json, "Path": Path, "space": space, "data": data})
    assert again.folder.name == "again"
    assert again.history == first.history
    (tmp_path / "result.json").unlink()
    (tmp_path / "metrics.jsonl").unlink()
    (tmp_path / "config.json").write_text(json.dumps({"space": space.document(), "train": {}, "architecture": "a=b"}))
    assert 'supernas.train("a=b", space=' in html.unescape(render(tmp_path))


def test_a_budget_is_in_the_summary(tmp_path):
    limits = {"max_parameters": 12_345, "max_latency_ms": 2.5}
    (tmp_path / "config.json").write_text(json.dumps(resolve_search({"budget": limits}).document()))
    text = checked(render(tmp_path)).text
    assert "most parameters12,345" in text
    assert "most milliseconds2.5" in text
    assert "most multiply-adds" not in text


def test_nothing_of_a_file_becomes_markup(tmp_path):
    """Every text of a run folder is hostile, and every number is something else."""
    folder = tmp_path / EVIL.replace("/", "")
    folder.mkdir()
    document = {"space": EVIL, "method": {"name": EVIL}, "data": {"source": EVIL}, "search": {"preset": EVIL, EVIL: 1}}
    line = {"epoch": 0, "loss": 1.0, f"loss {EVIL}": 2.0, EVIL: 3.0, f"{EVIL}.x": 1.0, "operations": {EVIL: 2}}
    line |= {"truth": {EVIL: 3.0}, "architecture": EVIL, "tracked": {"valid_metric": [1.0], "tau": {EVIL: 1.0}}}
    record = {"architecture": EVIL, "data": EVIL, "truth": {EVIL: 1.0}, "versions": {EVIL: EVIL}, "metric": EVIL}
    record |= {"earlier_versions": [{EVIL: EVIL}], f"valid_{EVIL}": 1, "flops_convention": EVIL, EVIL: EVIL}
    ranking = {"truth": EVIL, "architectures": 3, "evaluation": {"images": EVIL}}
    ranking |= {"rankings": {EVIL: {"tau": {"value": 1}, "rho": EVIL}}}
    (folder / "config.json").write_text(json.dumps(document))
    (folder / "result.json").write_text(json.dumps(record))
    lines = [json.dumps(line), json.dumps({**line, "loss": 1e308, "truth": EVIL}), '{"half": 1']
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    (folder / "correlation-x.json").write_text(json.dumps(ranking))
    for name in ("cell.svg", "tracked.svg", "correlation-x.svg"):
        (folder / name).write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{EVIL}</svg>')
    text = render(folder)
    page = checked(text)
    assert "<script" not in text
    assert "<img src=x" not in text
    assert "alert(1)" in page.text
    study = tmp_path / "study"
    study.mkdir()
    folder.rename(study / "run")
    (study / "study.json").write_text(json.dumps({"name": EVIL}))
    failure = {"label": EVIL, "seed": 3, "folder": EVIL, "reason": EVIL}
    (study / "failures.json").write_text(json.dumps({"failures": [failure]}))
    (study / "table.md").write_text(f"| {EVIL} | n |\n| - | - |\n| {EVIL} | 1 |\n\n- {EVIL}\n")
    text = render(study)
    checked(text)
    assert "<script" not in text


def test_half_a_character_is_written_as_json_writes_it(tmp_path):
    (tmp_path / "config.json").write_text('{"search": {}, "data": {"source": "\\ud800"}}')
    checked(page := report(tmp_path).read_text(encoding="utf-8"))
    assert '"source": "\\ud800"' in Page(page).text.replace("&#34;", '"')


FILES = ("config.json", "result.json", "metrics.jsonl", "tracked.svg")


@pytest.mark.parametrize("missing", FILES[1:])
def test_what_is_missing_is_left_out(folder, tmp_path, missing):
    for name in FILES:
        if name != missing:
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    page = checked(render(tmp_path))
    assert ("not finished" in page.text) == (missing == "result.json")


@pytest.mark.parametrize("damage", FILES)
def test_what_is_damaged_is_refused(folder, tmp_path, damage):
    for name in FILES:
        content = bytearray((folder / name).read_bytes())
        if name == damage:
            content[content.index(b"0")] ^= 1
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{damage} is damaged") as caught:
        render(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_line_of_a_run_that_goes_on_stands_once(tmp_path):
    next(iter(api.Search(config=TOY, out=tmp_path)))
    lines = (tmp_path / "metrics.jsonl").read_bytes()
    (tmp_path / "metrics.jsonl").write_bytes(lines + b'{"epoch": 1, "lo')  # killed while it was written
    checked(render(tmp_path))
    (tmp_path / "metrics.jsonl").write_bytes(lines + lines)
    with pytest.raises(UserError, match="its last lines are not those of the epochs after the checkpoint"):
        render(tmp_path)


@pytest.mark.parametrize("damage", ["config.json", "metrics.jsonl"])
def test_what_is_damaged_of_a_run_that_goes_on_is_refused(tmp_path, damage):
    run = api.Search(config=TOY, out=tmp_path)
    steps = iter(run)
    next(steps)
    run.on_step = lambda *step: run.stop()
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    checked(render(tmp_path))
    whole = (tmp_path / damage).read_bytes()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 1, "loss": 1.0}\n')  # written after the checkpoint
    checked(render(tmp_path))
    (tmp_path / damage).write_bytes(whole.replace(b"1", b"3", 1))
    with pytest.raises(UserError, match=f"{damage} is damaged .* checkpoint"):
        render(tmp_path)


@pytest.mark.parametrize("content", [b"", b"<svg/>", None])
def test_a_picture_beside_a_correlation_is_the_one_that_was_drawn(folder, tmp_path, content):
    for name in FILES:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    picture = tmp_path / "correlation-x.svg"
    picture.write_bytes(b"<svg></svg>")
    about = {"truth": "t", "architectures": 3, "evaluation": {}, "rankings": {}}
    files = {picture.name: digest_file(picture.name, picture.read_bytes())}
    write_record(picture.with_suffix(".json"), {**about, "files": files})
    assert any("PHN2Zz48" in link for link in checked(render(tmp_path)).links)
    picture.unlink() if content is None else picture.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.svg is damaged .*x\.json"):
        render(tmp_path)


@pytest.mark.parametrize("name", [*FILES, "correlation-x.json", "correlation-x.svg"])
def test_no_link_leads_out_of_the_folder(folder, tmp_path, name):
    secret = tmp_path / "secret"
    secret.write_text("{}")
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "correlation-x.json").write_text(
        json.dumps({"truth": "", "architectures": 3, "evaluation": {}, "rankings": {}})
    )
    (tmp_path / "run" / name).unlink(missing_ok=True)
    (tmp_path / "run" / name).symlink_to(secret)
    with pytest.raises(UserError, match=f"{name} is a link that leads out of its folder"):
        render(tmp_path / "run")
    (tmp_path / "run" / name).unlink()
    shutil.copy(folder / name if name in FILES else folder / "tracked.svg", tmp_path / "run" / "inside")
    if name in FILES:
        (tmp_path / "run" / name).symlink_to("inside")
        checked(render(tmp_path / "run"))


def test_a_run_of_a_study_is_within_it(folder, tmp_path):
    (tmp_path / "study.json").write_text("{}")
    (tmp_path / "run").symlink_to(folder)
    with pytest.raises(UserError, match="run is a link that leads out"):
        render(tmp_path)


def test_a_page_of_a_study(folder, tmp_path):
    rows = [{"label": "A", "method": "random-nas"}, {"label": "B | b", "method": "darts"}]
    common = {name: value for name, value in TOY.items() if name != "method"}
    file = {"name": "small", "seeds": [0], "common": common, "run": rows}
    result = api.study(file, out=tmp_path / "study", table_only=True)
    planned = read_study(file).runs[1]
    (result.folder / "study.json").write_text(json.dumps(file))
    for seed in (0, 1):
        run = result.folder / f"nas-bench-201-digits-darts-plain-s{seed}"
        run.mkdir()
        for name in ("config.json", "metrics.jsonl", *(["result.json"] if seed else [])):
            (run / name).write_bytes((folder / name).read_bytes())
    (run / "config.json").write_text(json.dumps(planned.config.document()))
    noted_anew(run)
    (result.folder / "failures.json").write_text(
        json.dumps({"failures": [{"label": "A", "seed": 0, "folder": "x", "reason": "no memory"}]})
    )
    page = checked(render(result.folder))
    for words in (
        "Study small",
        "2 runs, 1 finished",
        "B | b",
        "A, seed 0",
        "no memory",
        "Trajectories",
        "B | b, seed 0",
    ):
        assert words in page.text, words
    assert [link for link in page.links if link.startswith("#")] == ["#run-1", "#run-2"]


def test_the_command_line_and_python(folder, tmp_path):
    outcome = typer.testing.CliRunner().invoke(app.app, ["report", str(folder), "--out", str(tmp_path / "a.html")])
    assert outcome.output.strip() == str(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_bytes() == supernas.report(folder).read_bytes()
    for path, message in (
        (tmp_path, "no run and no study in"),
        (tmp_path / "none", "there is no folder"),
        (tmp_path / "a.html", "there is no folder"),
    ):
        with pytest.raises(UserError, match=message):
            report(path)
    with pytest.raises(UserError, match="is a folder"):
        report(folder, out=tmp_path)
    with pytest.raises(UserError, match="cannot write"):
        report(folder, out=tmp_path / "a.html" / "b.html")


@pytest.mark.parametrize(
    "plan",
    [
        {"seeds": list(range(200_000)), "run": [{"method": "random-nas"}]},
        {"grid": {f"search.x{number}": list(range(10)) for number in range(30)}},
    ],
    ids=["seeds", "grid"],
)
def test_a_page_of_a_study_that_nobody_could_run_is_made_without_its_plan(plan, tmp_path):
    (tmp_path / "study.json").write_text(json.dumps({"name": "endless", **plan}))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"search": {}}')
    assert "endless" in report(tmp_path).read_text()
