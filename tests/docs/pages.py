"""What is read of a page: its blocks of code, in order, and how each is marked.

A block is marked by a comment in the line before it, which readers do not see: `<!-- long: why -->`, or `excerpt`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "WRITTEN", "Block", "blocks", "commands"]

ROOT = Path(__file__).parents[2]
RECORDS = {"results.md"}
"""Pages that say in short how what was measured was run."""
WRITTEN = [page for page in sorted(ROOT.glob("docs/**/*.md")) if not page.is_relative_to(ROOT / "docs" / "generated")]
"""The pages of the site that are kept; a build leaves more beside them."""
PAGES = [ROOT / "README.md", *(page for page in WRITTEN if page.name not in RECORDS)]

_BLOCK = re.compile(r"(?:^<!-- (\w+): [^\n]+ -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(supernas|python|make|pip|\.) ")


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        mark: `long`, `excerpt`, or nothing: it is run.
        language: as it stands after the fence; nothing for what a shell runs.
        code: its lines.
    """

    mark: str
    language: str
    code: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page."""
    return [Block(mark or "", language, code) for mark, language, code in _BLOCK.findall(page.read_text("utf-8"))]


def commands(block: Block) -> Iterator[str]:
    """The lines that a shell would run; lines that go on are joined."""
    if block.language == "":
        for line in block.code.replace("\\\n", " ").splitlines():
            if _COMMAND.match(line):
                yield line.partition(" #")[0].strip()
