"""Advice is spelled as its reader writes it, and works when it is followed."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import supernas
from runs_toy import CELL
from supernas.cli import app
from supernas.core.errors import UserError
from supernas.core.spelling import assigned, at_command_line, option

SOURCES = Path(supernas.__file__).parent
WRITTEN = ("output/export/templates", "output/export/families", "output/export/image_helper.py")  # become programs
TYPED = ("cli", "output/report/command.py", "core/spelling.py", *WRITTEN)  # where nobody but the command line reads
TOY = {"epochs": 1, "data": "digits"}
FEW = ["data.train_size=96", "search.batch_size=16", "search.validation_images=16", "supernet.channels=4"]
FEW_TRAINED = ["data.train_size=48", "train.batch_size=16", "network.channels=4"]


def messages(file):
    """The texts of a file that are no docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docstrings = {id(node.body[0].value) for node in nodes if node.body and isinstance(node.body[0], ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [text.value for text in texts if id(text) not in docstrings]


def test_only_the_command_line_speaks_of_flags():
    said = {
        f"{file.relative_to(SOURCES)}: {text}"
        for file in SOURCES.rglob("*.py")
        if not str(file.relative_to(SOURCES)).startswith(TYPED)
        for text in messages(file)
        if re.search(r"(?<!var)(^|\W)--[a-z]", text) or "supernas[" in text
    }
    assert not said


def test_spellings():
    assert (option("resume", True), option("out"), option("epochs", 3)) == ("resume=True", "out=...", "epochs=3")
    assert assigned("a.b", 1) == 'set=["a.b=1"]'
    with at_command_line():
        assert (option("data_dir", "x"), option("resume", True), assigned("a.b", 1)) == (
            "--data-dir x",
            "--resume",
            "--set a.b=1",
        )
    assert option("out") == "out=..."


# --- followed in Python -----------------------------------------------------------------------------------------------


def search(tmp_path, *settings, **changes):
    given = {**TOY, "method": "random-nas", "out": tmp_path / "run", **changes}
    return supernas.search(**given, set=[*FEW, *settings])


def train(tmp_path, *settings, **changes):
    return supernas.train(CELL, **{**TOY, "out": tmp_path / "run", **changes}, set=[*FEW_TRAINED, *settings])


def drnas(tmp_path, *settings, **changes):
    progressive = ["method.progressive=true", "supernet.partial=1"]
    return search(tmp_path, *progressive, *settings, method="drnas", **changes)


def watched(tmp_path, *settings, **changes):
    return search(tmp_path, "stopping=watched", *settings, method="darts", **changes)


def split(tmp_path, *settings, **changes):
    small = ["search.paths=split", "search.batch_size=4", "objective.members=4"]
    return search(tmp_path, *small, *settings, objective="nsas", **changes)


def best(tmp_path, *settings, **changes):
    return train(tmp_path, "train.keep=best", *settings, **changes)


def split_seed(tmp_path, *settings, **changes):
    return train(tmp_path, "train.split_seed=3", *settings, **changes)


def oblong(tmp_path, *settings, **changes):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 16, 1), dtype=np.uint8)
    np.savez(tmp_path / "oblong.npz", x_train=pixels, y_train=np.arange(8) % 2)
    return search(tmp_path, *settings, data=tmp_path / "oblong.npz", **changes)


def of_all_sizes(tmp_path, *settings, **changes):
    sides = [16, 24, 12, 8]  # the last ones are smaller than the first that differ
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
        for number, side in enumerate(sides * 2):
            Image.new("RGB", (side, side), (number * 20, 0, 0)).save(tmp_path / "photos" / name / f"{number}.png")
    return search(tmp_path, *settings, data=tmp_path / "photos", **changes)


def followed(message):
    """(settings, arguments) that a message says to give; of alternatives the first."""
    settings = re.findall(r'set=\["([^"]*)"\]', message)[:1]
    arguments = re.findall(r"\b(epochs|watch|resume|resolution)=(\d+|True|'\w+')", message)
    return settings, {name: ast.literal_eval(value) for name, value in arguments}


@pytest.mark.parametrize(
    ("do", "said"),
    [
        (drnas, "epochs=2"),
        (watched, "watch='hessian'"),
        (split, "search.batch_size="),
        (best, "train.split=0.9"),
        (split_seed, "train.split=0.5"),
        (oblong, "give resolution=8"),
        (of_all_sizes, "give resolution=8"),
    ],
)
def test_advice_works(tmp_path, do, said):
    with pytest.raises(UserError) as error:
        do(tmp_path)
    message = str(error.value)
    assert said in message
    settings, arguments = followed(message)
    do(tmp_path, *settings, **arguments, out=tmp_path / "again")


def test_a_run_that_is_there_goes_on(tmp_path):
    train(tmp_path)
    with pytest.raises(UserError, match="already holds this run") as error:
        train(tmp_path, resume=False)
    settings, arguments = followed(str(error.value))
    assert (settings, arguments) == ([], {"resume": True})
    train(tmp_path, **arguments)


def test_a_misplaced_setting_is_sent_where_it_belongs(tmp_path):
    with pytest.raises(UserError, match=r'give set=\["objective\.epsilon=0\.1"\]$') as error:
        search(tmp_path, "method.epsilon=0.1", method="e2nas")
    settings, _ = followed(str(error.value))
    search(tmp_path, *settings, method="e2nas")


# --- typed ------------------------------------------------------------------------------------------------------------


def test_the_command_line_reads_flags_that_it_has(tmp_path, monkeypatch, capsys):
    oblong_images = np.zeros((8, 8, 16, 1), np.uint8)
    np.savez(tmp_path / "oblong.npz", x_train=oblong_images, y_train=np.arange(8) % 2)
    command = ["supernas", "search", "--data", str(tmp_path / "oblong.npz"), "--method", "random-nas", "--epochs", "1"]
    command += ["--out", str(tmp_path / "run"), "--set", "supernet.channels=4", "--set", "search.batch_size=2"]
    said = []
    for more in ([], ["--resolution", "8"], ["--resolution", "8"]):
        monkeypatch.setattr("sys.argv", [*command, *more])
        with pytest.raises(SystemExit) as end:
            app.main()
        said.append((end.value.code, capsys.readouterr().err))
    (first, oblong), (second, _), (third, there) = said
    assert (first, second, third) == (2, 0, 2)
    assert "give --resolution 8" in oblong
    assert "add --resume to go on with it, or choose another --out" in there
