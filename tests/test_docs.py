"""What the pages tell a reader to type can be pasted: every command is parsed as the command line does, and every block
of Python is Python.
"""

import re
import shlex

import pytest
import typer.main

import supernas
from docs.pages import PAGES, ROOT
from installed import declared
from supernas import methods
from supernas.cli import app
from supernas.studies.plan import read_study
from supernas_pytest.toys import TOY as SMALL


def blocks(page, language):
    """The contents of a page's blocks of code of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page):
    """The lines of a page that a shell would run, without comments; lines that go on are joined."""
    for block in blocks(page, ""):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(supernas|python|make|pip|\.) ", line):
                yield line


COMMANDS = [(page.relative_to(ROOT), line) for page in PAGES for line in commands(page)]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda value: str(value).split("  ")[0][:70])
def test_a_command_can_be_pasted(page, line):
    code = line.partition(" #")[0]
    assert not re.search(r"[<>|;\[\]]|\.\.\.", code), "a shell would take a placeholder for something of its own"
    words = shlex.split(code)
    if words[0] == "supernas":
        group = typer.main.get_command(app.app)
        context, rest = group.make_context("supernas", words[1:], resilient_parsing=True), words[1:]
        while hasattr(group, "commands"):
            name, group, rest = group.resolve_command(context, rest)
            context = context if hasattr(group, "commands") else group.make_context(name, list(rest))
    elif words[0] == "python" and words[1] != "-m" and not words[1].startswith("runs/"):
        assert (ROOT / words[1]).is_file()


def test_there_are_commands_to_paste():
    assert sum(page.name == "README.md" for page, _ in COMMANDS) > 20
    assert len(COMMANDS) > 60


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_is_python(page):
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


def test_the_study_of_the_examples_can_be_run():
    plan = read_study(ROOT / "examples" / "study.toml")
    assert [row.label for row in plan.rows] == ["RandomNAS", "GDAS", "GDAS + NSAS"]
    assert not plan.skipped


def test_the_model_of_ones_own_learns(tmp_path, monkeypatch):
    """The example of its page, as it stands: ten classes, of which chance gets one tenth right."""
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(blocks(ROOT / "docs" / "guides" / "your-own-model.md", "python")[0], names)
    assert names["trained"].test_metric > 70
    assert names["found"].record["valid_accuracy"] > 50


def test_the_package_of_thirty_lines_is_one(tmp_path, monkeypatch):
    """The end of the page on methods, as it stands: installed, and searched with."""
    page = ROOT / "docs" / "guides" / "add-a-method.md"
    (tmp_path / "pyproject.toml").write_text(blocks(page, "toml")[-1])
    module = blocks(page, "python")[-1]
    (tmp_path / "supernas_shuffle.py").write_text(module)
    assert len(module.splitlines()) <= 32
    declared(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert methods.PARTS.offered("shuffle").package == "supernas-shuffle"
    found = supernas.search(method="shuffle", config=SMALL, out=tmp_path / "run")
    assert found.record["versions"]["supernas-shuffle"] == "0.1.0"
