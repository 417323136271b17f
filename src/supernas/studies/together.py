"""The processes that work on a study together: the first begins it, the others join, and each says what failed.

Each has a claim of its own in the study's folder, for as long as it works. What they write there, they write in turn.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from supernas.core.claims import CLAIM, Claim, holder_of, in_turn
from supernas.core.errors import UserError
from supernas.core.files import read_json, write_json
from supernas.core.records import write_record
from supernas.core.spelling import option
from supernas.studies.plan import Plan, PlannedRun
from supernas.studies.results import FAILURES, STUDY, TABLES, Failure, read_failures

__all__ = ["joined", "note_failure", "turn"]

_WORKERS = "worker-*.claim"


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Where something is written into a study's folder, by one process at a time.

    Raises:
        UserError: if it cannot be written.
    """
    try:
        with in_turn(folder / CLAIM, str(folder)):
            yield
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror or error}; choose another {option('out')}"
        ) from None


@contextmanager
def joined(plan: Plan, folder: Path, waiting: list[PlannedRun]) -> Iterator[None]:
    """While it lasts this process works on a study. The first that does tries again what failed before.

    Args:
        plan: the study.
        folder: of it.
        waiting: the runs that are to be done, whose data are read once: what cannot be read is said before a run
            starts, and one process does the downloads.

    Raises:
        UserError: if the data cannot be read, or others work on another study in this folder.
    """
    with turn(folder):
        for options in dict.fromkeys(run.config.data for run in waiting):
            options.load()
        _begin_or_join(plan, folder)
        claim = Claim(folder / _WORKERS.replace("*", uuid.uuid4().hex[:16]), f"a part in {folder}")
    try:
        yield
    finally:
        claim.release()
        for path in folder.glob(_WORKERS):  # of processes that were killed
            if holder_of(path) is None:
                path.unlink(missing_ok=True)


def _begin_or_join(plan: Plan, folder: Path) -> None:
    others = {path: holder_of(path) for path in folder.glob(_WORKERS)}
    working = [str(holder) for holder in others.values() if holder]
    document = json.loads(json.dumps(plan.document))
    if not working:
        for path in (*others, folder / TABLES, folder / FAILURES):
            path.unlink(missing_ok=True)
        write_json(folder / STUDY, document)
    elif read_json(folder / STUDY) != document:
        raise UserError(
            f"{working[0]} works on another study in {folder}; wait until it ends, or choose another {option('out')}"
        )


def note_failure(folder: Path, failure: Failure) -> None:
    """Adds a run that failed to `failures.json`.

    Raises:
        UserError: if it cannot be written.
    """
    with turn(folder):
        before = [one for one in read_failures(folder) if (one.label, one.seed) != (failure.label, failure.seed)]
        write_record(folder / FAILURES, {"failures": [vars(one) for one in (*before, failure)]})
