"""What a finished search has learnt, and architectures drawn from it where it is a distribution."""

from pathlib import Path
from typing import Any

import torch

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.runs.checkpoint import checkpoint_exists
from supernas.runs.finished import read_run
from supernas.runs.search import Search
from supernas.steps.contracts import Distribution, Method

__all__ = ["draw_from_distribution", "learnt"]


def draw_from_distribution(
    method: Distribution, state: Any, draws: int, generator: torch.Generator
) -> list[Architecture]:
    """So many architectures, drawn one after another.

    Raises:
        UserError: if there is nothing to draw.
    """
    if draws < 1:
        raise UserError(f"{draws} draws; wanted 1 or more")
    return [method.draw_architecture(state, generator) for _ in range(draws)]


def learnt(folder: Path) -> tuple[Method, Any]:
    """The method of a finished search, and the state in which it ended, from the run folder's checkpoint.

    Raises:
        UserError: if the folder holds no finished search, or no checkpoint that can be read.
    """
    config, _ = read_run(folder)
    if not checkpoint_exists(folder):
        raise UserError(f"{folder} holds no checkpoint, where what the method learnt is kept; run the search again")
    with torch.random.fork_rng():
        search = Search(config, folder, resume=True, only_looks=True)
    search.folder.claim.release()  # it is only looked at
    if not search.finished:
        raise UserError(
            f"{folder}: the last checkpoint is gone or damaged, and the one before is not of the search's end; resume "
            f"the search, with {option('resume', True)}"
        )
    return config.method, search.state.method
