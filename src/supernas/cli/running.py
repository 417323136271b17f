"""A search or a training on the command line: shown while it runs, saved on ^C."""

from typing import TypeVar

from supernas.cli.display import Display
from supernas.core.ranks import first
from supernas.runs.loop import EpochReport, Loop

__all__ = ["run_displayed"]

EpochT = TypeVar("EpochT", bound=EpochReport)
ResultT = TypeVar("ResultT")


def run_displayed(run: Loop[EpochT, ResultT], resume: bool) -> ResultT:
    """Runs a search or a training under a display, and says where there was nothing to resume; ^C saves, and says how
    to go on.
    """
    if not first():  # which another process shows
        return run.run()
    with Display(run.folder.path, run.steps, run.state.step) as display:
        run.on_epoch = (*run.on_epoch, display.epoch)
        run.on_step = display.step
        for note in run.notes:
            display.say(f"note: {note}")
        if resume and run.folder.checkpoint is None:
            display.say(
                f"note: {run.folder.path} holds no run to go on with, so this one begins; other settings, another run"
            )
        try:
            return run.run()
        except KeyboardInterrupt:
            display.say(f"stopped and saved; go on with the same command and --resume --out {run.folder.path}")
            raise
