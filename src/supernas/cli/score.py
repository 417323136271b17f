"""`supernas score`: what zero-cost proxies say of architectures, and whether they rank them as the truth does."""

import time

import numpy as np
from rich.table import Table

from supernas import api
from supernas.cli.console import Console
from supernas.cli.display import counting_bar
from supernas.cli.twin import twin
from supernas.core.documents import Document
from supernas.evaluation.proxy_scores import Scores

__all__ = ["score"]

_SHOWN = 20  # architectures in the table


@twin(api.score)
def score(given: Document) -> None:
    """Score architectures without training them; with --benchmark, compare with the truth (Kendall tau-b, Spearman)."""
    typed = {"architectures": given["architectures"] or None}
    started = time.monotonic()
    with counting_bar() as bar:
        task = bar.add_task("scores", total=None)
        scores = api.score(
            **{**given, **typed}, on_progress=lambda done, of: bar.update(task, completed=done, total=of)
        )
    _print(scores, time.monotonic() - started)
    if scores.truth is not None:
        _print_rankings(scores, scores.truth)


def _print(scores: Scores, seconds: float) -> None:
    out = Console(highlight=False, soft_wrap=True)
    names = list(scores.scores)
    order = sorted(
        scores.places,
        key=lambda place: -scores.scores[names[0]][place] * (1 if _rises(scores, names[0]) else -1),
    )
    grid = Table("architecture", *(f"{name} {'↑' if _rises(scores, name) else '↓'}" for name in names), box=None)
    for place in order[:_SHOWN]:
        text = scores.config.space.format(scores.architectures[place])
        grid.add_row(text, *(f"{scores.scores[name][place]:.6g}" for name in names))
    Console(width=max(out.width, 160), highlight=False, markup=False).print(grid)
    if len(order) > _SHOWN:
        out.print(f"... and {len(order) - _SHOWN:,} more, best first by {names[0]}", markup=False)
    out.print(f"{len(order):,} architectures at {scores.scale}; {seconds:.0f} s", markup=False)
    for path in scores.files.values():
        out.print(str(path), markup=False)


def _rises(scores: Scores, name: str) -> bool:
    return bool(scores.config.proxies[name].direction == "max")


def _print_rankings(scores: Scores, truth: np.ndarray) -> None:
    rankings, truth = scores.rankings(seed=scores.config.score.seed), truth[scores.places]
    out = Console(highlight=False, soft_wrap=True)
    regrets = list(next(iter(rankings.values())).regret)
    grid = Table("ranked by", "Spearman rho", "Kendall tau-b", *(f"regret of top {k}, %" for k in regrets), box=None)
    for name, ranking in rankings.items():
        grid.add_row(name, str(ranking.rho), str(ranking.tau), *map(str, ranking.regret.values()))
    Console(width=max(out.width, 160), highlight=False).print(grid)
    missing = int(np.isnan(truth).sum())
    without = f"; {missing} without truth left out" if missing else ""
    out.print(f"{len(truth) - missing:,} architectures against {scores.truth_name}{without}", markup=False)
    out.print("95 % bootstrap intervals over architectures, of this one draw of initial weights", markup=False)
