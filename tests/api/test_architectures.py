"""What a person types as an architecture: a text, perhaps with a line of a log around it, or a folder."""

import json

import pytest

from supernas import spaces
from supernas.api.architectures import read_architecture
from supernas.core.errors import UserError

CELL = spaces.get("nas-bench-201").format(spaces.get("nas-bench-201")[11])
LONG = spaces.get("darts-cnn").named["DARTS_V2"]


@pytest.mark.parametrize(
    "text",
    [
        "11",
        CELL,
        f"03/12 01:15 PM best: {CELL}",
        f"03/12 genotype = {LONG}",
        f"{LONG} saved to runs/x.json",
        "a/b=c, d=e",
    ],
)
def test_a_line_of_a_log_is_no_path(text):
    assert read_architecture(text, None) == (text, None, {})


@pytest.mark.parametrize(("text", "named"), [("runs/none", "there is no run folder runs/none"), ("x.json", "x.json")])
def test_what_looks_like_a_path_is_one(tmp_path, monkeypatch, text, named):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        read_architecture(text, None)
    assert named in str(error.value)


def test_a_folder_with_any_name_is_a_run(tmp_path):
    folder = tmp_path / "a (1) = b"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    for name in ("result.json", "derive-x.json"):
        (folder / name).write_text(json.dumps({"architecture": CELL, "space": "nas-bench-201"}))
    for given in (folder, folder / "derive-x.json"):
        assert read_architecture(str(given), None)[0] == CELL
