"""Commands in forks of one warmed process, watched: what they say, how long, how much memory, and what they touch."""

import contextlib
import functools
import io
import multiprocessing
import multiprocessing.forkserver
import os
import resource
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["LIMIT", "Outcome", "call", "command", "typed"]

LIMIT = 120.0
"""Seconds; on an idle machine no command of the campaign needs more than five."""

_SPACE = 8 << 30  # bytes of addresses beyond which a command is a bomb, whatever the machine has
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect", "pty.spawn")


@dataclass(frozen=True)
class Outcome:
    """What a command did.

    Attributes:
        code: that it ended with; None if it had to be stopped, or was killed.
        out: what it printed.
        err: what it said beside that.
        seconds: how long it took.
        megabytes: memory above what the warmed process had.
        started: other programs, and connections to other machines.
        opened: paths beside the folder or in it that Python's `open` was asked for, without links.
    """

    code: int | None
    out: str = ""
    err: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0
    started: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()


def command(*arguments: str, folder: Path, limit: float = LIMIT) -> Outcome:
    """`supernas ...` in a folder; it is killed after so many seconds."""
    return call(typed, *arguments, folder=folder, limit=limit)


def call(function: Any, *arguments: Any, folder: Path, limit: float = LIMIT) -> Outcome:
    """A function of a module in a fork; its output and its end as an `Outcome`."""
    context = _forkserver()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_within, args=(sender, str(folder), function, arguments))
    process.start()
    sender.close()
    started = time.monotonic()
    try:
        answer = receiver.recv() if receiver.poll(limit) else None
    except EOFError:  # it has ended without a word
        answer = None
    if answer is None:
        process.kill()
    process.join()
    receiver.close()
    return Outcome(*answer) if answer else Outcome(None, seconds=time.monotonic() - started)


@functools.cache
def _forkserver() -> Any:
    """A process with everything imported, of which each command is a fork."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"{__package__}.warmed"])
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), before])
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    multiprocessing.forkserver.ensure_running()
    os.environ["PYTHONPATH"] = before
    return context


def typed(*arguments: str) -> None:
    """The command line with such words."""
    from supernas.cli.start import main

    sys.argv = ["supernas", *arguments]
    main()


def _within(sender: Any, folder: str, function: Any, arguments: tuple[Any, ...]) -> None:
    os.chdir(folder)
    os.environ |= {"SUPERNAS_CACHE": "cache", "no_proxy": "127.0.0.1"}
    started, opened = _listened()
    before, began = _peak(), time.monotonic()
    resource.setrlimit(resource.RLIMIT_AS, (_addresses() + _SPACE,) * 2)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", "backslashreplace", write_through=True) for _ in range(2))
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        sys.stdin = io.StringIO()
        try:
            function(*arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:  # what would have been a traceback on the terminal
            code = 1
            traceback.print_exc()
    texts = (stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, err))
    sender.send((code, *texts, time.monotonic() - began, _peak() - before, tuple(started), tuple(set(opened))))


def _listened() -> tuple[list[str], list[str]]:
    """Lists that fill with what is started and with what is opened."""
    started: list[str] = []
    opened: list[str] = []
    around = str(Path.cwd().resolve().parent)

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS and not (event == "socket.connect" and arguments[1][:1] == ("127.0.0.1",)):
            started.append(f"{event} {arguments[0]!r}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            place = os.path.realpath(os.fsdecode(arguments[0]))
            if place.startswith(around):
                opened.append(place)

    sys.addaudithook(listen)
    return started, opened


def _peak() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def _addresses() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
