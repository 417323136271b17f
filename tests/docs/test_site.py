"""The site: what its navigation names is there, what is there is named, and every link leads somewhere.

The reference is complete, every method has its page and its picture. What needs the builder of the site is slow.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

from supernas import methods
from supernas.cli.app import app
from supernas.cli.describe import SECTIONS
from supernas.cli.parts import KINDS
from supernas.core.settings import field_names
from supernas.runs.configuration import resolve_search
from supernas.spaces import get as space_of
from supernas.spaces import names as spaces

from .pages import PAGES, ROOT, blocks
from .pages import WRITTEN as KEPT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def hook(name):
    """A module beside the pages."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / "hooks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


navigation, pictures, reference = hook("navigation"), hook("pictures"), hook("reference")
GENERATED = reference.pages()
WRITTEN = {page.relative_to(ROOT / "docs").as_posix(): page for page in KEPT}
SCRIPTS = [path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/gallery/*.*")]
TEXTS = {
    **{f"docs/{name}": path.read_text("utf-8") for name, path in WRITTEN.items()},
    **{f"docs/{name}": text for name, text in GENERATED.items()},
    **{name: (ROOT / name).read_text("utf-8") for name in ("README.md", *navigation.PAGES.values())},
}
"""Every page by its path in the repository."""


def named(entry):
    """The pages that a part of the navigation names."""
    if isinstance(entry, dict):
        entry = list(entry.values())
    return [page for inner in entry for page in named(inner)] if isinstance(entry, list) else [entry]


def test_the_navigation_is_all_pages_once():
    written = [page for page in WRITTEN if f"docs/{page}" not in SCRIPTS]
    pages = [*written, *GENERATED, *navigation.PAGES, *map(navigation.in_site, SCRIPTS)]
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    assert sorted(named(navigation.listed(nav, pages))) == sorted(pages)


def test_a_folder_of_the_navigation_is_its_pages():
    pages = ["a/z.md", "a/README.md", "b.md", "a/c/d.md"]
    assert navigation.listed([{"A": "a/"}, "b.md"], pages) == [{"A": ["a/README.md", "a/c/d.md", "a/z.md"]}, "b.md"]
    assert navigation.listed(["b.md", "a/"], pages) == ["b.md", "a/README.md", "a/c/d.md", "a/z.md"]


def anchors(text):
    """What can be linked to on a page: the headings, as the builder names them."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        yield re.sub(r"[\s-]+", "-", plain)


def broken(path, text):
    """The links of a page that lead nowhere."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    for target, anchor in re.findall(r"\]\(([^):#\s]*)(?:#([^)\s]*))?\)", text):
        there = Path(os.path.normpath(Path(path).parent / target)).as_posix() if target else path
        if there not in TEXTS and not (ROOT / there).is_file():
            yield target
        elif anchor and anchor not in anchors(TEXTS[there]):
            yield f"{target}#{anchor}"


@pytest.mark.parametrize("path", sorted(TEXTS))
def test_every_link_leads_somewhere(path):
    assert not list(broken(path, TEXTS[path]))


def test_a_broken_link_is_seen():
    assert list(broken("docs/index.md", "[a](no.md) [b](results.md#no) [c](results.md) [d](#what)")) == [
        "no.md",
        "results.md#no",
        "#what",
    ]


@pytest.mark.parametrize("path", sorted(set(TEXTS) - {"README.md"}))
def test_lists_are_lists_to_the_builder(path):
    """It wants an empty line before a list, and four blanks before what goes on after an empty line in one."""
    text = re.sub(r"^```.*?^```$", "", TEXTS[path], flags=re.MULTILINE | re.DOTALL)
    assert not re.findall(r"\n\n {1,3}\S.*", text)
    assert not re.findall(r"\n\n(?: {4,}\S.*\n)+(?:- |1\. ).*", text)
    assert not re.findall(r"^(?![-#|*\s]|\d+\. ).+\n(?:- |1\. ).*", text, re.MULTILINE)


@pytest.mark.parametrize("name", methods.names())
def test_a_method_has_a_page_and_a_picture(name):
    page = TEXTS[f"docs/methods/{name}.md"]
    assert {"The idea", "The update rule", "Faithfulness", "What was measured"} <= set(
        re.findall(r"^## (.+)$", page, re.MULTILINE)
    )
    assert f"(../images/methods/{name}.svg)" in page
    assert f"({name}.md)" in TEXTS["docs/methods/index.md"]


def test_pictures_are_as_they_are_drawn():
    drawn = dict(pictures.drawn())
    assert set(drawn) == set(methods.names())
    for name, picture in drawn.items():
        assert (pictures.FOLDER / f"{name}.svg").read_text("utf-8") == picture, "python docs/hooks/pictures.py"


def test_every_setting_is_in_the_reference():
    for kind, parts in KINDS.items():
        for name in parts().names():
            section = TEXTS[f"docs/reference/settings/{kind}.md"].partition(f"## `{name}`\n")[2].partition("\n## ")[0]
            assert all(f"| `{field}" in section for field in field_names(parts().get(name))), (kind, name)
    sections = TEXTS["docs/reference/settings/section.md"]
    for name, of in SECTIONS.items():
        fields = {field for space in spaces() for field in field_names(of(space_of(space)))}
        assert f"## `{name}`" in sections
        assert all(f"| `{field}" in sections for field in fields)


def test_every_command_is_in_the_reference():
    text = TEXTS["docs/reference/command-line.md"]
    for name, command in typer.main.get_command(app).commands.items():
        section = text.partition(f"## `{name}")[2]
        assert section
        for option in (option for one in getattr(command, "params", ()) for option in one.opts if option[:2] == "--"):
            assert f"`{option}" in section or f"{option}" in section


def test_every_room_is_in_the_reference():
    rooms = {path.parent for path in (ROOT / "src" / "supernas").rglob("*.py") if path.name != "__init__.py"}
    rooms = {".".join(room.relative_to(ROOT / "src" / "supernas").parts) for room in rooms} - {""}
    without = {"output.export.templates"}  # complete programs, which nobody imports
    assert {f"docs/reference/api/{room}.md" for room in rooms - without} <= set(TEXTS)


@pytest.mark.parametrize("page", [page for page in PAGES if "reference" in page.parts], ids=lambda page: page.name)
def test_a_configuration_on_a_page_is_one(page):
    found = [tomllib.loads(block.code) for block in blocks(page) if block.language == "toml"]
    assert [resolve_search(document).method.gamma for document in found] == [0.5]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    for page in ("index", "methods/e2nas/index", "reference/api/index", "reference/settings/method/index"):
        assert (tmp_path / f"{page}.html").is_file()
    for script in SCRIPTS:
        page = tmp_path / navigation.in_site(script)
        assert (page.parent / "index.html" if page.stem == "index" else page.with_suffix("") / "index.html").is_file()
        assert page.stem == "index" or page.with_suffix(".ipynb").is_file()
