"""`supernas.study`: many searches, then one table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from supernas.api.given import path_or_none
from supernas.api.parameters import Address, AnyPath, ExecutorOf
from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.parameters import Meaning, Option, documented
from supernas.core.spelling import named
from supernas.runs.executors import chosen
from supernas.studies.plan import Plan, read_study
from supernas.studies.run_study import StudyResult, run_study
from supernas.studies.workers import OnEvent

__all__ = ["study"]


@documented
def study(
    source: Annotated[
        AnyPath | Values | Plan, Option("the study: a TOML or JSON file", python="or its content, or a plan of it")
    ],
    *,
    out: Annotated[AnyPath | None, Option("the study's folder (default runs/studies/<name>)")] = None,
    workers: Annotated[
        int | None,
        Option(
            "runs at once (default: cores / threads, or as many as the executor has room for)",
            python='a script needs the usual `if __name__ == "__main__":`',
            least=1,
        ),
    ] = None,
    threads: Annotated[int, Option("of each run", least=1)] = 1,
    executor: ExecutorOf = "local",
    address: Address = None,
    table_only: Annotated[bool, Option("run nothing; tabulate what is finished")] = False,
    on_event: Annotated[OnEvent, Meaning("called with what happens to the runs")] = lambda event: None,
) -> StudyResult:
    """Runs methods x objectives x seeds x settings as ordinary searches, and tabulates them.

    Goes on where it was: what is finished is read, what was interrupted is resumed, what failed is tried again. Started
    several times, on one machine or on several that share a disk, it shares its runs.

    Returns:
        The table, the failures, the folder and the files.

    Raises:
        UserError: for anything wrong in the file; the message is one line.
    """
    unused = {
        "workers": workers is not None,
        "threads": threads != 1,
        "executor": executor != "local",
        "address": address,
    }
    for name in (name for name, given in unused.items() if table_only and given):
        raise UserError(f"{named('table_only')} runs nothing, so {named(name)} has no effect; leave one of them out")
    plan = source if isinstance(source, Plan) else read_study(source if isinstance(source, Mapping) else Path(source))
    return run_study(
        plan,
        path_or_none(out),
        workers=workers,
        threads=threads,
        executor=chosen(executor, address),
        table_only=table_only,
        on_event=on_event,
    )
