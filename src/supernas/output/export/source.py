"""A stand-alone source file out of a template: what is needed of it, with other constants.

A template is an ordinary module (`templates/`). What its functions do not reach is left out, tables of operations keep
the entries that are used, and constants get values of their own; the text that remains is the template's, comments
included.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

__all__ = ["literal", "written"]


def written(
    template: ModuleType,
    docstring: str,
    *,
    constants: Mapping[str, str],
    operations: Collection[str] = (),
    aliases: Mapping[str, str] | None = None,
    roots: Collection[str] = ("load", "normalise"),
) -> str:
    """The source of a stand-alone module.

    Args:
        template: the module to take from; it may import torch, safetensors and the standard library only.
        docstring: the text of the new module's docstring.
        constants: top-level names with the source of their new values.
        operations: the entries that the template's dictionary `OPERATIONS` keeps.
        aliases: names that the template defines as another name, with the name that they mean here.
        roots: what must be there; the rest only where it is needed.
    """
    pieces = _pieces(Path(str(template.__file__)).read_text(encoding="utf-8"))
    pieces = [piece for piece in pieces if not piece.defines & set(aliases or {})]
    for name, target in (aliases or {}).items():
        pieces = [piece.replaced(name, target) for piece in pieces]
    pieces = [piece.with_value(constants) for piece in pieces]
    pieces = [piece.keeping(operations) if "OPERATIONS" in piece.defines else piece for piece in pieces]
    return f'"""{docstring}"""\n' + _joined(_needed(pieces, roots))


def literal(value: object) -> str:
    """The source of a number, a text, or a tuple or list of these, as `ruff format` writes it."""
    if isinstance(value, str):
        text = repr(value)
        return text if '"' in text else f'"{text[1:-1]}"'
    if isinstance(value, tuple):
        inner = ", ".join(map(literal, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, list):
        return "[" + "".join(f"\n    {literal(item)}," for item in value) + ("\n]" if value else "]")
    return repr(value)


@dataclass(frozen=True)
class _Piece:
    """A statement of a module, with the comments above it.

    Attributes:
        text: its source.
        apart: whether an empty line stands above it.
    """

    text: str
    apart: bool

    @property
    def node(self) -> ast.stmt:
        return ast.parse(self.text).body[0]

    @property
    def is_import(self) -> bool:
        return isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def is_block(self) -> bool:
        return isinstance(self.node, ast.ClassDef | ast.FunctionDef)

    @property
    def defines(self) -> set[str]:
        node = self.node
        if isinstance(node, ast.Import | ast.ImportFrom):
            return {alias.asname or alias.name for alias in node.names}
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            return {node.name}
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        return {target.id for target in targets if isinstance(target, ast.Name)}

    @property
    def uses(self) -> set[str]:
        return {node.id for node in ast.walk(self.node) if isinstance(node, ast.Name)}

    def replaced(self, name: str, other: str) -> "_Piece":
        return _Piece(re.sub(rf"\b{name}\b", other, self.text), self.apart)

    def with_value(self, constants: Mapping[str, str]) -> "_Piece":
        """With the new value, if it is the assignment of one of the constants; a comment behind the old one stays."""
        node = self.node
        names = self.defines & set(constants)
        if not names or not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            return self
        old = ast.get_source_segment(self.text, node.value)
        assert old is not None
        before, _, after = self.text.partition(f"= {old}")
        return _Piece(f"{before}= {constants[names.pop()]}{after}", self.apart)

    def keeping(self, keys: Collection[str]) -> "_Piece":
        """The same dictionary with these entries only; each entry stands on lines of its own."""
        node = self.node
        table = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        assert isinstance(table, ast.Dict)
        lines = self.text.splitlines()
        kept = [
            line
            for key, value in zip(table.keys, table.values, strict=True)
            if isinstance(key, ast.Constant) and key.value in keys
            for line in lines[key.lineno - 1 : value.end_lineno]
        ]
        head = "\n".join(lines[: table.lineno])
        return _Piece("\n".join([head, *kept, "}"]) if kept else head + "}", self.apart)


def _pieces(source: str) -> list[_Piece]:
    """The statements of a module but its docstring."""
    lines, pieces = source.splitlines(), []
    docstring, *statements = ast.parse(source).body
    end = docstring.end_lineno or 0
    for node in statements:
        above, end = lines[end : node.lineno - 1], node.end_lineno or 0
        comments = [line for line in above if line.strip()]
        pieces.append(_Piece("\n".join([*comments, *lines[node.lineno - 1 : end]]), "" in above))
    return pieces


def _needed(pieces: list[_Piece], roots: Collection[str]) -> Iterator[_Piece]:
    """The pieces that the roots reach, in their order, and statements that define nothing."""
    defined = {name: piece for piece in pieces for name in piece.defines}
    reached, waiting = set(), set(roots)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= (defined[name].uses & set(defined)) - reached
    return (piece for piece in pieces if piece.defines & reached or not piece.defines)


def _joined(pieces: Iterator[_Piece]) -> str:
    text, before = "", None
    for piece in pieces:
        if before is None:
            lines = 1
        elif piece.is_block or before.is_block:
            lines = 2
        else:
            lines = int(piece.apart or before.is_import != piece.is_import)
        text, before = text + "\n" * lines + piece.text + "\n", piece
    return text
