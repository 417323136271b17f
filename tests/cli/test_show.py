"""What `supernas show` calls published is published."""

import re

import pytest
from typer.testing import CliRunner

from supernas import spaces
from supernas.cli import app
from supernas.runs.configuration import DEFAULT_SPACE

IMAGENET = ["--classes", 1000, "--resolution", 224]


def show(architecture, *options):
    """(parameters, multiply-adds, what that size is)."""
    outcome = CliRunner().invoke(app.app, ["show", architecture, *map(str, options)])
    assert outcome.exit_code == 0, outcome
    said = " ".join(outcome.output.split())
    parameters, label = re.search(r"parameters ([\d,]+) \(([^)]*)\)", said).groups()
    (adds,) = re.search(r"multiply-adds ([\d,]+)", said).groups()
    return int(parameters.replace(",", "")), int(adds.replace(",", "")), label


@pytest.mark.parametrize(
    ("architecture", "options", "shown"),
    [
        ("DARTS_V2", [], (3_349_342, 528_359_040, "published size on CIFAR-10, 10 classes")),
        ("DARTS_V2", ["--classes", 100], (3_401_272, None, "published size on CIFAR-100, 100 classes")),
        ("DARTS_V2", IMAGENET, (4_718_752, 529_911_552, "published size on ImageNet, 1000 classes")),
        ("DARTS_V2", IMAGENET[:2], (4_718_752, 529_911_552, "published size on ImageNet, 1000 classes")),
        ("PDARTS", IMAGENET, (4_944_352, 542_819_328, "published size on ImageNet, 1000 classes")),
        ("DARTS_V2", ["--resolution", 64], (None, None, "channels=36, cells=20, stem=cifar: no published size")),
        ("6111", [], (1_073_466, 153_272_970, "published size on CIFAR-10, 10 classes")),
        ("6111", ["--classes", 120], (1_080_616, 38_325_880, "published size on ImageNet16-120, 120 classes")),
        ("6111", ["--classes", 120, "--resolution", 32], (None, None, "channels=16, cells=5: no published size")),
        ("6111", ["--classes", 7], (None, None, "channels=16, cells=5: no published size")),
        ("DARTS_V1", [], (22_960_000, None, "published size on Penn Treebank, vocabulary 10,000")),
        ("DARTS_V1", ["--classes", 50], (None, None, "units=850: no published size")),
    ],
    ids=str,
)
def test_published_sizes(architecture, options, shown):
    space = {"DARTS_V1": "darts-rnn", "6111": DEFAULT_SPACE}.get(architecture, "darts-cnn")
    parameters, adds, label = show(architecture, "--space", space, *options)
    assert shown[0] in (None, parameters)
    assert shown[1] in (None, adds)
    assert label.startswith(shown[2])


@pytest.mark.parametrize("name", spaces.names())
def test_every_published_size_is_found_by_its_data(name):
    for published in spaces.get(name).network_class.published:
        cell = "6111" if spaces.get(name).enumerable else "DARTS_V1"
        given = ["--classes", published.classes]
        given += [] if published.resolution is None else ["--resolution", published.resolution]
        assert show(cell, "--space", name, *given)[2].startswith(f"published size on {published.dataset}, ")


def test_what_a_space_cannot_take_is_said(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["supernas", "show", "6111", "--resolution", "30"])
    with pytest.raises(SystemExit) as end:
        app.main()
    assert (end.value.code, capsys.readouterr().err) == (
        2,
        "supernas: --resolution 30: nas-bench-201 takes sides divisible by 4\n",
    )


def test_a_cell_without_a_path():
    outcome = CliRunner().invoke(app.app, ["show", "|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"])
    assert "none from input to output" in outcome.output
    assert "none from input to output" not in CliRunner().invoke(app.app, ["show", "6111"]).output
