"""What the site has beside the pages that are written, and where; known without the builder of the site."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["GALLERY", "LINKED", "PAGES", "ROOT", "in_folder", "in_site", "listed"]

ROOT = Path(__file__).parents[2]
PAGES = {"changes.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md", "security.md": "SECURITY.md"}
"""Pages that are files of the repository's root."""
GALLERY = "generated/gallery/"
"""Pages that the scripts of `docs/gallery/` become when they run."""
LINKED = ("examples/*", "benchmarks/**/*.toml")
"""Files of the repository that pages may link to; they become a part of the site, below `repository/`."""

_SCRIPTS = "docs/gallery/"


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
    return sorted(inside, key=lambda page: (Path(page).name not in ("index.md", "README.md"), page.removesuffix(".md")))


def in_site(path: str) -> str:
    """Where the site has a file of the repository."""
    if path.startswith(_SCRIPTS):
        return GALLERY + path.removeprefix(_SCRIPTS).replace("README.md", "index.md").replace(".py", ".md")
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return {source: page for page, source in PAGES.items()}.get(path, f"repository/{path}")
