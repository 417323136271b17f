"""`supernas correlate`: does the supernet rank architectures as their own training does?"""

import time

from rich.table import Table

from supernas import api
from supernas.cli.console import Console
from supernas.cli.display import counting_bar
from supernas.cli.twin import twin
from supernas.core.documents import Document
from supernas.evaluation.correlate import Correlation

__all__ = ["correlate"]


@twin(api.correlate)
def correlate(given: Document) -> None:
    """Rank architectures with a search's inherited weights, and compare with the truth (tau, rho, top-k regret)."""
    started = time.monotonic()
    with counting_bar() as bar:
        task = bar.add_task("evaluations", total=None)
        correlation = api.correlate(
            **given,
            on_progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    _print(correlation, time.monotonic() - started)


def _print(correlation: Correlation, seconds: float) -> None:
    out = Console(highlight=False, soft_wrap=True)
    regrets = list(next(iter(correlation.rankings.values())).regret)
    table = Table("ranked by", "Kendall tau-b", "Spearman rho", *(f"regret of top {k}, %" for k in regrets), box=None)
    for name, ranking in correlation.rankings.items():
        table.add_row(name, str(ranking.tau), str(ranking.rho), *map(str, ranking.regret.values()))
    Console(width=max(out.width, 150), highlight=False).print(table)
    without = f"; {correlation.missing} without truth left out" if correlation.missing else ""
    evaluation = correlation.evaluation
    out.print(f"{len(correlation.architectures)} architectures against {correlation.truth_name}{without}", markup=False)
    out.print(
        f"{evaluation.images} validation images, batch normalisation: {evaluation.batch_norm}, {seconds:.0f} s; "
        "95 % bootstrap intervals over architectures, of this one supernet",
        markup=False,
    )
    out.print("\n".join(map(str, correlation.files)), markup=False)
