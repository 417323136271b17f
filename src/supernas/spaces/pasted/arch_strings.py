"""Reading a cell of NAS-Bench-201 as it is printed: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`, with what surrounds it.

NATS-Bench and AutoDL-Projects print it so, within a `Structure(4 nodes with ...)`, or as lists of (operation, source)
pairs, one for each node; NASLib prints six numbers, its edges and operations in another order than here.
"""

import re
from collections.abc import Sequence

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError, unknown
from supernas.spaces.pasted.given import LONGEST

__all__ = ["EDGES", "OPERATIONS", "read_cell"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (node, source)

_ALIASES = {
    "zero": "none",
    "skip": "skip_connect",
    "identity": "skip_connect",
    "conv_1x1": "nor_conv_1x1",
    "conv_3x3": "nor_conv_3x3",
    "conv1x1": "nor_conv_1x1",
    "conv3x3": "nor_conv_3x3",
    "avg_pool": "avg_pool_3x3",
}
# NASLib writes a cell as six numbers, its edges ordered 0->1, 0->2, 0->3, 1->2, 1->3, 2->3, its operations as here.
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NASLIB_EDGES = ((1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2))

_EDGE = r"[^\s|+~'\"`()\[\]{},:;=]{1,40} ?~ ?\d{1,3}"
_NODE = rf"\| ?{_EDGE}(?: ?\| ?{_EDGE})* ?\|"
_CHAIN = re.compile(rf"(\+ ?)?({_NODE}(?: ?\+ ?{_NODE})*)(?= ?(\+)?)")  # what + joins belongs together
_PAIR = re.compile(r"""[\[(]\s*['"](\w{1,40})['"]\s*,\s*(\d{1,3})\s*,?\s*[\])]""")
_NUMBERS = re.compile(r"[\[(] ?(\d{1,9}(?:[, ]+\d{1,9})*),? ?[\])]")
_SIZES = re.compile(r"\d{1,3}(?::\d{1,3}){4}")


def read_cell(text: str) -> Architecture:
    """The cell that a text holds, in which runs of blanks are single ones.

    Raises:
        UserError: if it holds none, or several different ones.
    """
    if len(text) > LONGEST:
        raise UserError(f"a text of {len(text):,} characters; wanted one cell, in {LONGEST:,} characters at most")
    if "~" in text:
        return _only_cell(text)
    if "Genotype" in text:
        raise UserError("that is a genotype, and nas-bench-201 has none; give the space darts-cnn or darts-rnn")
    if pairs := _PAIR.findall(text):
        return _from_pairs(pairs, text)
    sixes = {found[0]: found[1] for found in _NUMBERS.finditer(text) if len(_numbers(found[1])) == len(EDGES)}
    if sixes or _NUMBERS.fullmatch(text):
        return _from_naslib(text if len(sixes) != 1 else next(iter(sixes)))
    if _SIZES.fullmatch(text):
        raise UserError(
            f"'{text}' is of NATS-Bench's size space (the channels of five layers); nas-bench-201 is its topology space"
        )
    raise UserError(
        f"cannot read '{text[:200]}' as a nas-bench-201 cell: wanted '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|' or an index"
    )


def _only_cell(text: str) -> Architecture:
    """The cell in a text that has edges."""
    chains = {found[2] for found in _CHAIN.finditer(text) if not found[1] and not found[3]}
    cells = {cell for chain in chains if (cell := _cell_or_none(chain))}
    if len(cells) > 1:
        raise UserError(f"a text with {len(cells)} different cells; wanted one")
    if cells:
        return cells.pop()
    if cell := _cell_or_none(text):  # without the outer bars
        return cell
    without_log = re.sub(r"^[^|+~]*(?=\|)", "", text)
    return _from_arch_string(chains.pop() if len(chains) == 1 else without_log)  # which says what is wrong


def _cell_or_none(text: str) -> Architecture | None:
    try:
        return _from_arch_string(text)
    except UserError:
        return None


def _from_pairs(pairs: Sequence[tuple[str, str]], text: str) -> Architecture:
    """AutoDL-Projects' (operation, source) pairs, node by node."""
    if len(pairs) != len(EDGES):
        raise UserError(
            f"cannot read '{text[:200]}': it has {len(pairs)} (operation, source) pairs, wanted {len(EDGES)}"
        )
    edges = [f"{operation}~{source}" for operation, source in pairs]
    return _from_arch_string("+".join(f"|{'|'.join(part)}|" for part in (edges[:1], edges[1:3], edges[3:])))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _from_naslib(text: str) -> Architecture:
    numbers = _numbers(text)
    if len(numbers) != len(EDGES) or any(number >= len(OPERATIONS) for number in numbers):
        raise UserError(f"cannot read '{text[:200]}' as a NASLib cell: wanted six operation numbers from 0 to 4")
    chosen = {edge: _NASLIB_OPERATIONS[number] for edge, number in zip(_NASLIB_EDGES, numbers, strict=True)}
    return Architecture.of(OPERATIONS.index(chosen[edge]) for edge in EDGES)


def _from_arch_string(text: str) -> Architecture:
    groups = text.split("+")
    if len(groups) != 3:
        raise UserError(
            f"cannot read '{text[:200]}' as a nas-bench-201 cell: it has {len(groups)} node group(s) joined by '+', "
            "wanted 3, as in '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'"
        )
    options = []
    for node, group in enumerate(groups, start=1):
        tokens = group.strip().strip("|").split("|")
        if len(tokens) != node:
            raise UserError(
                f"node {node} of '{text[:200]}' has {len(tokens)} edge(s) in '{group[:100]}'; wanted {node}"
            )
        by_source = dict(_edge(token, node) for token in tokens)
        if sorted(by_source) != list(range(node)):
            raise UserError(
                f"node {node} of '{text[:200]}' names a source twice in '{group[:100]}'; wanted ~0 to ~{node - 1}"
            )
        options += [by_source[source] for source in range(node)]
    return Architecture.of(options)


def _edge(token: str, node: int) -> tuple[int, int]:
    """(source, option) of one `operation~source` token."""
    operation, mark, source = (part.strip() for part in token.partition("~"))
    operation = _ALIASES.get(operation, operation)
    if not mark or source not in [str(number) for number in range(node)]:
        raise UserError(
            f"cannot read the edge '{token[:60]}' of node {node}: wanted operation~source, source below {node}"
        )
    if operation not in OPERATIONS:
        raise unknown("operation", operation[:60], [*OPERATIONS, *_ALIASES])
    return int(source), OPERATIONS.index(operation)
