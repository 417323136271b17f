"""What `supernas new` writes is a package that is found, passes the common tests, searches, and is gone again."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import supernas
from installed import declared
from searched_toy import finished
from supernas.cli import app
from supernas.cli.new import _class_name
from supernas.cli.parts import KINDS, registries
from supernas.core.errors import UserError

STARTERS = Path(supernas.__file__).parent / "cli" / "starters"
TOY = ["--set", "supernet.channels=2", "--set", "supernet.cells=1", "--set", "data.train_size=96", "--epochs", "1"]


def written(kind, folder, name="my-own"):
    outcome = CliRunner().invoke(app.app, ["new", kind, name, "--out", str(folder)])
    assert outcome.exit_code == 0, outcome.output
    return folder


def in_process(site, *words, where=None):
    """A command of Python's, run where a folder of other packages is on the path."""
    paths = [str(Path(supernas.__file__).parents[1]), *([str(site)] if site else [])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=where, check=False)


def test_every_kind_has_a_starter():
    assert {f"{kind}.py" for kind in KINDS} == {path.name for path in STARTERS.glob("[!_]*.py")}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_can_be_used(kind, tmp_path, monkeypatch):
    package = written(kind, tmp_path / "package")
    monkeypatch.syspath_prepend(package)
    declared(package)
    registry = KINDS[kind]()
    assert "my-own" in registry.names()
    assert registry.get("my-own").__name__ == "MyOwn"
    assert registry.offered("my-own").package == "supernas-my-own"
    texts = [path.read_text() for path in package.rglob("*") if path.suffix in (".py", ".md", ".toml")]
    assert len(texts) == 4
    assert not any(re.search(r"\bexample\b|\bExample\b|\$", text) for text in texts)
    with pytest.raises(UserError, match=r"there is a .* my-own already, of supernas-my-own 0\.1\.0; take another name"):
        app.app(["new", kind, "my-own", "--out", str(tmp_path / "other")], standalone_mode=False)
    sys.modules.pop("supernas_my_own")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["method", "darts"], "there is a method darts already, of supernas itself; take another name"),
        (["watch", "depth"], "there is a diagnostic depth already"),
        (["method", "3x3"], "'3x3' is no name for a method; wanted .* such as x3"),
        (["method", "my_own"], "'my_own' is no name for a method; wanted .* such as my-own"),
        (["method", "../mine"], "such as mine$"),
        (["method", "my-"], "such as my$"),
        (["method", "MINE"], "such as mine$"),
        (["method", ""], "such as my-own$"),
        (["method", "a" * 51], "wanted at most 50"),
        (["metod", "mine"], "unknown kind 'metod'; did you mean 'method'"),
        (["method", "mine", "--out", "."], r"\. is there already; choose another folder with --out"),
        (["method", "mine", "--out", "file"], "file is there already"),
    ],
)
def test_what_cannot_be_written_is_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    monkeypatch.setattr("sys.argv", ["supernas", "new", *words])
    with pytest.raises(SystemExit) as end:
        app.main()
    said = capsys.readouterr().err
    assert (end.value.code, said.count("\n")) == (2, 1)
    assert re.search(message, said.rstrip())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "word"),
    [("my-own", "MyOwn"), ("method", "MethodMethod"), ("batch", "BatchMethod"), ("none", "NoneMethod"), ("x2", "X2")],
)
def test_a_class_hides_no_word_of_its_file(name, word):
    assert _class_name("method", name, (STARTERS / "method.py").read_text()) == word


def test_a_search_by_a_package_and_without_it(tmp_path):
    """Installed, listed, searched with, and refused in one line once it is gone."""
    site = written("method", tmp_path / "package")
    declared(site)
    out = tmp_path / "run"
    listed = in_process(site, "supernas", "list", "plug-ins")
    assert "supernas.methods my-own  supernas-my-own 0.1.0: can be used" in listed.stdout
    found = in_process(site, "supernas", "search", "--method", "my-own", *TOY, "--out", out)
    assert found.returncode == 0, found.stderr
    gone = "supernas: the method my-own is of the package supernas-my-own, and that is not installed here; install it\n"
    for words in (
        ("derive", out, "--by", "best-sampled"),
        ("search", "--config", out / "config.json", "--out", out, "--resume"),
        ("search", "--config", out / "config.json", "--out", tmp_path / "again"),
    ):
        refused = in_process(None, "supernas", *words)
        assert (refused.returncode, refused.stderr) == (2, gone)
    assert in_process(None, "supernas", "show", out).returncode == 0  # the method is not needed for that


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_installed_and_passes_the_common_tests(kind, tmp_path):
    """By pip, into a folder of its own."""
    package, site = written(kind, tmp_path / "package"), tmp_path / "site"
    pip = ("pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", site, package)
    done = in_process(None, *pip)
    if done.returncode and "setuptools" in done.stderr:
        pytest.skip("no setuptools to build with")
    assert done.returncode == 0, done.stderr
    tested = in_process(site, "pytest", "-q", "-p", "supernas_pytest", where=package)
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"\d+ passed", tested.stdout)
    assert "skipped" not in tested.stdout


def test_the_common_tests_find_fault_with_a_faulty_part(tmp_path):
    """A file that names no paper; a kind that there is not; a package that is not there."""
    site = written("method", tmp_path / "package")
    file, project = site / "supernas_my_own.py", site / "pyproject.toml"
    file.write_text(file.read_text().replace('"The Title', "The Title"))
    group = '[project.entry-points."supernas.metods"]\nx = "y:Z"\n'
    project.write_text(project.read_text().replace("[tool.setuptools]", f"{group}[tool.setuptools]"))
    declared(site)
    tested = in_process(site, "pytest", "-q", "-p", "supernas_pytest", "-k", "paper or used", where=site)
    assert tested.returncode == 1, tested.stdout
    assert re.findall(r"FAILED \S*::(\w+)", tested.stdout) == [
        "test_a_part_can_be_used",
        "test_every_method_names_its_paper",
    ]
    assert "no such group; wanted one of supernas.methods" in tested.stdout
    unknown = in_process(None, "pytest", "-q", "-p", "supernas_pytest", "--supernas-contract", "nobody", where=tmp_path)
    assert unknown.returncode == 4
    assert "nobody: no package of that name with entry points of supernas is installed" in unknown.stderr


def test_the_groups_of_entry_points():
    assert set(registries()) == {
        f"supernas.{kind}"
        for kind in (
            *(
                "methods",
                "objectives",
                "regularisers",
                "stopping",
                "diagnostics",
                "proxies",
                "spaces",
                "selectors",
                "data_kinds",
            ),
            *("presets", "formats", "families", "trackers", "executors"),
        )
    }


def test_a_selector_of_others_takes_its_options(tmp_path, monkeypatch, capsys):
    """Which the command line has no flags for."""
    site = written("selector", tmp_path / "package")
    monkeypatch.syspath_prepend(site)
    file = site / "supernas_my_own.py"
    file.write_text(file.read_text().replace("candidates", "count").replace("question.count(", "question.candidates("))
    declared(site)
    out = finished(tmp_path / "run").folder
    supernas.derive(out, by="my-own", set=["derive.count=2"])
    assert '"count": 2' in next(out.glob("derive-my-own-*.json")).read_text()
    for given, message in (
        ("derive.count=0", "derive.count = 0: wanted greater than or equal to 1"),
        ("derive.cuont=1", "unknown option 'cuont'; did you mean 'count'"),
        ("derive.top=1", "top is an option of top-k, not of my-own, which takes count, workers"),
        ("derive=1", "set is an option of "),
    ):
        monkeypatch.setattr("sys.argv", ["supernas", "derive", str(out), "--by", "my-own", "--set", given])
        with pytest.raises(SystemExit) as end:
            app.main()
        said = capsys.readouterr().err
        assert (end.value.code, said.count("\n")) == (2, 1)
        assert message in said
    sys.modules.pop("supernas_my_own")
