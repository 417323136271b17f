"""`supernas study`: many searches, then one table."""

import sys
from types import TracebackType

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from supernas import api
from supernas.cli.console import Console
from supernas.cli.twin import twin
from supernas.core.documents import Document
from supernas.core.text import printable
from supernas.runs.shared import RunEvent
from supernas.studies.plan import Plan, PlannedRun, read_study
from supernas.studies.writing import markdown

__all__ = ["study"]


@twin(api.study)
def study(given: Document) -> None:
    """Run methods x objectives x seeds x settings as ordinary searches, and tabulate them.

    Goes on where it was: what is finished is read, what was interrupted is resumed, what failed is tried again.
    Started several times, on one machine or on several that share a disk, it shares its runs.
    """
    plan = read_study(given["source"])
    with StudyDisplay(plan) as display:
        try:
            result = api.study(**{**given, "source": plan}, on_event=display.listen)
        except KeyboardInterrupt:
            display.say("stopped; the same command goes on")
            raise
    printed = Console(highlight=False, soft_wrap=True)
    printed.print(markdown(result.table), markup=False)
    printed.print("\n".join(map(str, result.files)), markup=False)
    if result.failures:
        raise typer.Exit(1)


class StudyDisplay:
    """Shows what the runs of a study do: bars on a terminal, lines everywhere."""

    def __init__(self, plan: Plan) -> None:
        self.console = Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        epochs = sum(run.config.search.epochs for run in plan.runs)
        self.whole = self.progress.add_task(f"{len(plan.runs)} runs", total=epochs)
        self.bars: dict[PlannedRun, TaskID] = {}
        self.epochs: dict[PlannedRun, int] = {}

    def __enter__(self) -> "StudyDisplay":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def listen(self, event: RunEvent[PlannedRun]) -> None:
        """Shows what happened to a run."""
        run, total = event.run, event.run.config.search.epochs
        if event.state == "started":
            self.bars[run] = self.progress.add_task(str(run), total=total)
        elif event.state in _ENDS and run in self.bars:
            self.progress.remove_task(self.bars.pop(run))
        if event.state != "going":
            reason = f": {event.reason}" if event.reason else ""
            self.say(f"{run}: {_WORDS[event.state]}, {event.epochs} of {total} epochs done{reason}")
        self.epochs[run] = event.epochs
        self.progress.update(self.whole, completed=sum(self.epochs.values()))
        if run in self.bars:
            self.progress.update(self.bars[run], completed=event.epochs)

    def say(self, text: str) -> None:
        """One line, above the bars."""
        if self.progress.disable:
            print(printable(text), file=sys.stderr, flush=True)
        else:
            self.progress.console.print(text, highlight=False, markup=False)


_ENDS = ("elsewhere", "again", "finished", "failed", "stopped")
_WORDS = {
    "kept": "was finished before",
    "started": "runs",
    "elsewhere": "runs elsewhere",
    "again": "is tried again from its checkpoint",
    "finished": "is finished",
    "failed": "FAILED",
    "stopping": "saves and stops",
    "stopped": "is saved",
}
