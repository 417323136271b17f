"""Whether what was chosen for a search goes together: all parts are built first, then each is asked."""

from dataclasses import replace

from supernas import methods
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.runs import stopping
from supernas.steps import objectives, regularisers
from supernas.steps.contracts import Chosen, needs_uncompiled

__all__ = ["check_together"]

_CALLED = {
    "method": "method",
    "objective": "objective",
    "regulariser": "regulariser",
    "stopping": "stopping rule",
    "watch": "diagnostic",
}
_OTHERS: Document = {
    "method": methods,
    "objective": objectives,
    "regulariser": regularisers,
    "stopping": stopping,
}
_SHOWN = 6


def check_together(chosen: Chosen) -> None:
    """Asks every part.

    Raises:
        UserError: naming the first part that refuses, its reason, and what would go instead.
    """
    refusal = _first_refusal(chosen)
    if refusal is not None:
        section, name, reason = refusal
        remedy = "" if ";" in reason else f"; {_remedy(chosen, section)}"
        raise UserError(f"{_CALLED[section]} {name} {reason}{remedy}")


def _first_refusal(chosen: Chosen) -> tuple[str, str, str] | None:
    """(section, name, reason)."""
    for section, name, part in chosen.parts():
        if reason := part.refuses(chosen):
            return section, name, reason
    reason = _stages_refused(chosen) or _split_refused(chosen) or _compile_refused(chosen)
    return ("method", chosen.method_name, reason) if reason else None


def _stages_refused(chosen: Chosen) -> str:
    """Why the method's stages do not fit the supernet: they change what its networks do not have."""
    for name in (name for stage in chosen.method.stages() for name in stage.supernet):
        if not hasattr(chosen.supernet, name):
            space = chosen.space.name
            return f"changes supernet.{name} on the way, and the networks of the space {space} have no such setting"
    return ""


def _split_refused(chosen: Chosen) -> str:
    """Why the method cannot search in a supernet that is split on a choice."""
    if getattr(chosen.supernet, "few_shot", None) is None:
        return ""
    if chosen.method.weighs_options:
        return "weighs options, where a few-shot supernet runs single paths"
    if not chosen.method.shares_weights:
        return "trains every candidate alone, where a few-shot supernet says which share weights"
    return "" if chosen.method.trains_weights else "trains no weights, of which a few-shot supernet could have several"


def _compile_refused(chosen: Chosen) -> str:
    """Why the passes of the method's steps are not compiled."""
    if not chosen.method.trains_weights:
        return needs_uncompiled(chosen, "it trains no weights")
    if chosen.method.trains_paths:
        return needs_uncompiled(chosen, "it trains single paths, and each would be a graph of its own to compile")
    if chosen.space.data_kind == "text":
        return needs_uncompiled(chosen, "windows of a text differ in length, and each would be a graph of its own")
    if chosen.synchronised:
        why = "search.statistics=synchronised has devices speak with each other within a pass"
        return needs_uncompiled(chosen, why)
    return ""


def _remedy(chosen: Chosen, section: str) -> str:
    """What would go: other parts of the section, other methods."""
    remedies = ["leave it out"] if section == "watch" else []
    for other in dict.fromkeys((section, "method")):
        if names := _that_go(chosen, other):
            remedies.append(f"take {_CALLED[other]} {' or '.join(names[:_SHOWN])}")
    return ", or ".join(remedies or ["take another space"])


def _that_go(chosen: Chosen, section: str) -> list[str]:
    """The names of the other parts of a section with which, as they are by default, nothing is refused."""
    registry = _OTHERS.get(section)
    if registry is None:
        return []
    others = [name for name in registry.names() if name != getattr(chosen, f"{section}_name")]
    changed = {name: {section: registry.get(name)(), f"{section}_name": name} for name in others}
    return [name for name, change in changed.items() if _goes(replace(chosen, **change))]


def _goes(chosen: Chosen) -> bool:
    """Whether nothing is refused; what cannot be asked, such as a part of a faulty package, is no advice."""
    try:
        return _first_refusal(chosen) is None
    except Exception:  # code of others may raise anything, and must not hide the refusal that is being explained
        return False
