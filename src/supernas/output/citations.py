"""What to cite for runs: the paper of every part that took part in them, as BibTeX.

What a run used is in its folder: its configuration, the choices that were made from it later, and the proxies that it
was compared with. A part's papers are those that its docstring refers to, the class's own or else its module's; a
setting may name another one for some of its values. Parts of other packages are asked in the same way.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from supernas import methods, proxies
from supernas.core.asked import Asked, asked, note_part
from supernas.core.documents import Document, Values
from supernas.core.parameters import Option, documented
from supernas.core.records import Record, read_record
from supernas.core.references import Reference, bibtex, merged, references
from supernas.core.registry import Registry, recorded
from supernas.core.settings import build, field_names, papers_of
from supernas.data import kinds
from supernas.evaluation.selection import selectors
from supernas.networks.costs.budget import BudgetSettings
from supernas.networks.few_shot import FewShotNetwork
from supernas.output.report.folder import read, runs_of
from supernas.runs import diagnostics, stopping
from supernas.runs.averaging import TrainingWeightsSettings
from supernas.runs.configuration import DEFAULT_SPACE, read_space
from supernas.steps import objectives, regularisers

__all__ = ["cite", "papers"]

SOFTWARE = """@software{supernas,
  author = {{The supernas developers}},
  title = {{supernas: one-shot neural architecture search}},
  url = {https://github.com/supernas/supernas}
}"""
_SECTIONS: Mapping[str, Registry[Any]] = {
    "method": methods.PARTS,
    "objective": objectives.PARTS,
    "regulariser": regularisers.PARTS,
    "stopping": stopping.PARTS,
}
_CALLED: Mapping[type, str] = {BudgetSettings: "budget", TrainingWeightsSettings: "weights"}


class _ChoiceRecord(Record):
    """`derive-*.json`."""

    remedy: ClassVar[str] = "remove it, and derive again"

    how: dict[str, Any]


class _ComparisonRecord(Record):
    """`correlation-*.json`."""

    remedy: ClassVar[str] = "remove it, and run `supernas correlate` again"

    rankings: dict[str, dict[str, Any]]


@documented
def cite(
    *runs: Annotated[
        os.PathLike[str] | str, Option("the folder of a search, a training or a study, finished or not; or several")
    ],
) -> str:
    """BibTeX of supernas and of every paper whose part took part in some runs, each below a comment that says which.

    Returns:
        The text of a `.bib` file.

    Raises:
        UserError: if a folder holds none, something in it is damaged, or a package is missing that has a part of it.
    """
    users: dict[Reference, list[str]] = {}
    for user, paper in (pair for folder in map(Path, runs) for run in runs_of(folder) for pair in papers(run)):
        users.setdefault(paper, []).append(user)
    cited = merged(users)
    by_mark = {paper.mark: dict[str, None]() for paper in cited}
    for paper, names in users.items():
        by_mark[paper.mark] |= dict.fromkeys(names)
    entries = zip(cited, bibtex(cited), strict=True)
    return "\n\n".join([SOFTWARE, *(f"% {', '.join(by_mark[paper.mark])}\n{entry}" for paper, entry in entries)])


def papers(run: Path) -> Iterator[tuple[str, Reference]]:
    """(what used it, the paper) of one run, as often as it is used.

    Raises:
        UserError: as `cite`.
    """
    document = read(run).document  # what is damaged is refused
    with recorded(document.get("plugins", {})), asked() as noted:
        _build(document)
        _build_choices(run)
    yield from _of_parts(noted)
    named = {**_CALLED, **{part: name for name, part in noted.parts.items()}}
    for instance in (one for one in noted.built if type(one) in named):  # others are within those
        for text in papers_of(instance):
            yield from ((named[type(instance)], paper) for paper in references(text))


# -- what was used -----------------------------------------------------------------------------------------------------


def _build(document: Document) -> None:
    """Builds all that a run is made of; what was given in Python, such as a model, has no paper of ours."""
    for section, registry in _SECTIONS.items():
        if section in document:
            _build_part(registry, document[section], section)
    for name, values in document.get("watch", {}).items():
        build(diagnostics.get(name), values, f"watch.{name}")
    if "search" in document:
        build(BudgetSettings, document.get("budget", {}), "budget")
    if "train" in document:
        build(TrainingWeightsSettings, document.get("weights", {}), "weights")
    if document.get("supernet", {}).get("few_shot") is not None:
        note_part("few-shot supernets", FewShotNetwork)
    where = document.get("space", DEFAULT_SPACE)
    if isinstance(where, str) or "choices" not in where:
        space = read_space(where)
        note_part(f"networks of {space.name}", space.network_class)
        build(kinds.get(space.data_kind), document.get("data", {}), "data")


def _build_part(registry: Registry[Any], section: str | Values, where: str) -> None:
    values = {"name": section} if isinstance(section, str) else dict(section)
    build(registry.get(str(values.pop("name", ""))), values, where)


def _build_choices(run: Path) -> None:
    """Those that were made of a finished search later, and the proxies that it was compared with."""
    for path in sorted(run.glob("derive-*.json")):
        how = (read_record(path, _ChoiceRecord) or {"how": {}})["how"]
        selector: type[Any] = selectors.get(str(how.get("by")))
        build(selector, {name: value for name, value in how.items() if name in field_names(selector)}, "derive")
        if "proxy" in how:
            proxies.get(str(how["proxy"]))
    for path in sorted(run.glob("correlation-*.json")):
        rankings = (read_record(path, _ComparisonRecord) or {"rankings": {}})["rankings"]
        for name in set(rankings) & set(proxies.names()) - {"parameters"}:  # every comparison has that one
            proxies.get(name)


# -- what they name ----------------------------------------------------------------------------------------------------


def _of_parts(noted: Asked) -> Iterator[tuple[str, Reference]]:
    for name, part in noted.parts.items():
        yield from ((name, paper) for paper in _own(part))


def _own(part: type) -> list[Reference]:
    """The papers of a class: of its own docstring or module, else of what it inherits from."""
    modules: Iterable[tuple[str | None, str | None]] = (
        (cls.__doc__, getattr(sys.modules.get(cls.__module__), "__doc__", None)) for cls in part.__mro__
    )
    found = (references(own) or references(module) for own, module in modules)
    return next((several for several in found if several), [])
