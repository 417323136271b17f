"""Adds to the site what is generated, and leads links into the repository to where the site has the file."""

import os
import re
from pathlib import Path

import reference
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from navigation import LINKED, PAGES, ROOT, in_site, listed


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is generated, and lists the folders of the navigation."""
    for path, text in reference.pages().items():
        files.append(File.generated(config, path, content=text))
    for path, source in PAGES.items():
        files.append(File.generated(config, path, content=(ROOT / source).read_text(encoding="utf-8")))
    for source in (path for pattern in LINKED for path in ROOT.glob(pattern) if path.is_file()):
        name = source.relative_to(ROOT).as_posix()
        files.append(File.generated(config, f"repository/{name}", content=source.read_bytes()))
    config.nav = listed(config.nav, [page.src_uri for page in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links into the repository lead to where the site has the file."""
    uri = page.file.src_uri
    folder = Path(PAGES.get(uri, f"docs/{uri}")).parent

    def link(match: re.Match[str]) -> str:
        target = in_site(Path(os.path.normpath(folder / match[1])).as_posix())
        if not files.get_file_from_path(target):
            return match[0]  # the builder says that it leads nowhere
        return f"]({os.path.relpath(target, Path(uri).parent)}{match[2] or ''})"

    return re.sub(r"\]\(([^):#\s]+)(#[^)\s]*)?\)", link, markdown)
