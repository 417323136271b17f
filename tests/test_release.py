"""What a release says of itself is said alike everywhere, and what the package index shows leads somewhere."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from supernas.output.citations import SOFTWARE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
HOME = PROJECT["urls"]["Homepage"]


def test_one_version_and_one_date():
    version, date = re.findall(r"^## (\d\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)[0]
    assert version == PROJECT["version"] == CITATION["version"]
    assert date == str(CITATION["date-released"])


def test_one_address_and_one_author():
    assert HOME == CITATION["url"] == CITATION["repository-code"]
    assert f"url = {{{HOME}}}" in SOFTWARE
    assert f"author = {{{{{PROJECT['authors'][0]['name']}}}}}" in SOFTWARE
    assert [author["name"] for author in CITATION["authors"]] == [author["name"] for author in PROJECT["authors"]]
    assert f"title = {{{{{CITATION['title']}}}}}" in SOFTWARE


def test_classifiers_begin_with_the_floor():
    pythons = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"3\.\d+$", one)]
    assert f">={pythons[0]}" == PROJECT["requires-python"]
    assert pythons == [f"3.{minor}" for minor in range(10, 10 + len(pythons))]


def published_readme():
    """README.md as the package index gets it: the substitutions of the build, made here."""
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = "".join((ROOT / fragment["path"]).read_text("utf-8") for fragment in hook["fragments"])
    for rule in hook["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"].replace("$HFPR_VERSION", PROJECT["version"]), text)
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_the_page_of_the_index_has_absolute_links_to_files_that_are_there():
    links = re.findall(r"\]\(([^)]+)\)", published_readme())
    ours = re.compile(
        rf"({HOME}/blob|https://raw\.githubusercontent\.com/{HOME.partition('github.com/')[2]})/v([^/]+)/"
    )
    assert len(links) > 15
    for link in links:
        assert link.startswith("https://"), link
        if found := ours.match(link):
            assert found[2] == PROJECT["version"]
            assert (ROOT / link[found.end() :].partition("#")[0]).exists(), link
    assert sum(bool(ours.match(link)) for link in links) > 12


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem
)
def test_forms_of_issues_can_be_read(form):
    content = yaml.safe_load(form.read_text("utf-8"))
    if form.stem == "config":
        assert all(link["url"].startswith(HOME) for link in content["contact_links"])
        return
    fields = {entry["id"] for entry in content["body"]}
    assert content["name"]
    assert content["description"]
    assert len(fields) == len(content["body"])
    assert all(entry["type"] in ("textarea", "input", "dropdown") for entry in content["body"])
