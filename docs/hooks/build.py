"""What the site has beside written pages: the reference, files of the repository, folders in the navigation."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = {"changes.md": "CHANGELOG.md", "security.md": "SECURITY.md"}
"""Pages that are files of the repository's root."""
LINKED = ("examples/*", "benchmarks/**/*.toml")
"""Files of the repository that pages may link to; they become a part of the site, below `repository/`."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is generated, and lists the folders of the navigation."""
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    for path, source in PAGES.items():
        files.append(File.generated(config, path, content=(ROOT / source).read_text(encoding="utf-8")))
    for source in (path for pattern in LINKED for path in ROOT.glob(pattern) if path.is_file()):
        name = source.relative_to(ROOT).as_posix()
        files.append(File.generated(config, f"repository/{name}", content=source.read_bytes()))
    config.nav = listed(config.nav, sorted(page.src_uri for page in files.documentation_pages()))
    return files


def listed(entry: Any, pages: list[str]) -> Any:
    """A part of the navigation in which the name of a folder, with a slash at its end, is the list of its pages."""
    if isinstance(entry, Mapping):
        return {title: listed(inner, pages) for title, inner in entry.items()}
    if isinstance(entry, list):
        return [part for inner in entry for part in _as_list(inner, pages)]
    return in_folder(entry, pages) if entry.endswith("/") else entry


def _as_list(entry: Any, pages: list[str]) -> list[Any]:
    """A folder without a title is its pages one by one."""
    found = listed(entry, pages)
    return found if isinstance(entry, str) and isinstance(found, list) else [found]


def in_folder(folder: str, pages: list[str]) -> list[str]:
    """The pages of a folder, its own page first."""
    inside = [page for page in pages if page.startswith(folder)]
    return sorted(inside, key=lambda page: (Path(page).name not in ("index.md", "README.md"), page))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links into the repository lead to where the site has the file."""
    uri = page.file.src_uri
    folder = Path(PAGES.get(uri, f"docs/{uri}")).parent

    def link(match: re.Match[str]) -> str:
        path = Path(os.path.normpath(folder / match[1])).as_posix()
        target = in_site(path)
        known = files.get_file_from_path(target)
        return f"]({os.path.relpath(target, Path(uri).parent)}{match[2] or ''})" if known else match[0]

    return re.sub(r"\]\(([^):#\s]+)(#[^)\s]*)?\)", link, markdown)


def in_site(path: str) -> str:
    """Where the site has a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return {source: page for page, source in PAGES.items()}.get(path, f"repository/{path}")
