"""Claims: who works in a folder, so that no two processes do, on one machine or on several that share a disk.

A claim is a file that says which process of which host made it, and is written anew every few seconds for as long as
that process lives. It is stale when the process is known to be gone (on this machine), or when it has not been written
for long (on any); a stale claim is taken over. Ages are differences between times that the disk itself gave to files,
so the clocks of the machines need not agree.

A process that was stopped for so long that its claim was taken over finds out when it asks `check`, which it does
before it writes.
"""

import contextlib
import json
import logging
import math
import os
import socket
import threading
import time
import uuid
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from supernas.core.errors import UserError
from supernas.core.files import check_place, read_json
from supernas.core.spelling import option

__all__ = ["CLAIM", "Claim", "Holder", "InUseError", "claimed", "holder_of", "in_turn", "withdraw"]

CLAIM = "claim.json"
"""The claim of a folder."""

BEAT_SECONDS = 15.0
STALE_SECONDS = 300.0

_TURN_SECONDS = 0.1  # between two looks at a claim that is waited for
_PATIENCE_SECONDS = 10.0  # after which it is said that it is waited for
_LOG = logging.getLogger(__name__)


class InUseError(UserError):
    """Another process holds what is claimed."""


@dataclass(frozen=True)
class Holder:
    """Who holds a claim.

    Attributes:
        host: the name of the machine.
        process: its number there.
        machine: the host with its start and its space of process numbers: where `process` means something.
        born: when the process started, in the system's own units; tells it from a later one of the same number.
        token: of this claim alone.
    """

    host: str
    process: int
    machine: str
    born: str
    token: str

    @classmethod
    def me(cls) -> "Holder":
        """A holder in this process."""
        return cls(socket.gethostname(), os.getpid(), _machine(), _born(os.getpid()), uuid.uuid4().hex)

    @property
    def mine(self) -> bool:
        """Whether this process is the holder."""
        return (self.machine, self.process, self.born) == (_machine(), os.getpid(), _born(os.getpid()))

    @property
    def gone(self) -> bool:
        """Whether the process is known to have ended; nothing is known of other machines."""
        if self.machine != _machine():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is another user's
            pass
        return bool(self.born) and _born(self.process) != self.born

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


class Claim:
    """A claim that is held until it is released, forgotten, or the process ends.

    Args:
        path: its file.
        what: is claimed, for messages.
        movable: whether `out` would say that it is elsewhere.

    Attributes:
        taken_from: the holder of a stale claim in whose place it is, if there was one on another machine.

    Raises:
        InUseError: if another process holds it.
        OSError: if the file cannot be written.
    """

    def __init__(self, path: Path, what: str, *, movable: bool = True) -> None:
        self.path, self.what = path, what
        self._advice = _advice(movable)
        self.holder = Holder.me()
        fresh = not path.parent.exists()
        self.taken_from = self._acquire()
        stop = threading.Event()
        threading.Thread(target=_beat, args=(path, self.holder, stop), daemon=True, name=f"claim of {path}").start()
        self.release = weakref.finalize(self, _release, path, self.holder, stop, fresh)

    def check(self) -> None:
        """Makes sure that the claim is still held.

        Raises:
            InUseError: if another process has taken it over.
        """
        there = _read(self.path)
        if there is not None and there.token != self.holder.token:
            raise InUseError(f"{self.what} was taken over by {there} while this process stood still; it goes on there")

    def _acquire(self) -> Holder | None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        check_place(self.path)
        before = None
        for _ in range(3):  # whoever loses a race looks again
            self.path.parent.mkdir(parents=True, exist_ok=True)  # who let go may just have removed it
            if _create(self.path, self.holder):
                return before
            there = _read(self.path)
            if _is_free(self.path, there):
                before = there if there is not None and there.machine != self.holder.machine else None
                _remove_free(self.path)
            elif self.path.exists():  # else it was released meanwhile
                raise InUseError(f"{self.what} is in use by {there or 'a process that has just begun'}; {self._advice}")
        raise InUseError(f"{self.what} is wanted by several processes at once; {self._advice}")


@contextlib.contextmanager
def claimed(path: Path, what: str, *, movable: bool = True) -> Iterator[Claim]:
    """A claim for as long as something is done; the arguments are those of `Claim`.

    Raises:
        InUseError: if another process holds it.
        OSError: if the file cannot be written.
    """
    claim = Claim(path, what, movable=movable)
    try:
        yield claim
    finally:
        claim.release()


@contextlib.contextmanager
def in_turn(path: Path, what: str) -> Iterator[None]:
    """The same for what several processes do one after the other: who holds it now is waited for.

    Raises:
        OSError: if the file cannot be written.
    """
    claim = _wait_for(path, what)
    try:
        yield
    finally:
        claim.release()


def _wait_for(path: Path, what: str) -> Claim:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return Claim(path, what)
        except InUseError as error:
            if time.monotonic() > until:
                _LOG.info("waits: %s", str(error).partition(";")[0])
                until = math.inf
        time.sleep(_TURN_SECONDS)


def holder_of(path: Path) -> Holder | None:
    """Who holds a claim; None if nobody does, or who did is known to be gone or was not heard of for long."""
    there = _read(path)
    return there if there is not None and _is_alive(there, path) else None


def withdraw(path: Path) -> None:
    """Ends the claim that this process holds, whichever object of it does: one whose work has ended may be forgotten
    late, and its process go on with other work.
    """
    there = _read(path)
    if there is not None and there.mine:
        with contextlib.suppress(OSError):
            path.unlink()


# -- the file ----------------------------------------------------------------------------------------------------------


def _create(path: Path, holder: Holder) -> bool:
    """Writes a claim where there is none; whether that went well. It does not if its folder has gone meanwhile."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(asdict(holder), indent=2) + "\n")
    except (FileExistsError, FileNotFoundError):
        return False
    return True


def _read(path: Path) -> Holder | None:
    """Who holds a claim; None if there is no claim, or it is damaged."""
    document = read_json(path)
    try:
        return None if document is None else Holder(**document)
    except TypeError:
        return None


def _is_free(path: Path, there: Holder | None) -> bool:
    """Whether a claim that is there keeps nobody out: it is this process's own, stale, or was never written whole."""
    if there is None:
        return _older(path, BEAT_SECONDS)
    return there.mine or not _is_alive(there, path)


def _is_alive(holder: Holder, path: Path) -> bool:
    return not (holder.gone or _older(path, STALE_SECONDS))


def _remove_free(path: Path) -> None:
    """Removes a claim that is still free; of several processes that want to, one does.

    They take turns, since of two that had both seen it, the second would remove what the first put in its place.
    """
    turn = path.with_name(f".{path.name}.turn.part")
    try:
        turn.open("x").close()
    except FileExistsError:
        if _older(turn, BEAT_SECONDS):  # who made it was killed
            turn.unlink(missing_ok=True)
        return
    try:
        if _is_free(path, _read(path)):
            path.unlink(missing_ok=True)
    finally:
        turn.unlink(missing_ok=True)


def _older(path: Path, seconds: float) -> bool:
    """Whether a file that is there was last written so long ago, by the clock of its disk."""
    now = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with now.open("xb") as file:  # whose time can be asked, whatever others remove meanwhile
            return os.fstat(file.fileno()).st_mtime - path.stat().st_mtime > seconds
    except FileNotFoundError:  # it was released meanwhile
        return False
    finally:
        now.unlink(missing_ok=True)


def _beat(path: Path, holder: Holder, stop: threading.Event) -> None:
    while not stop.wait(BEAT_SECONDS):
        there = _read(path)
        if there is None or there.token != holder.token:
            return
        with contextlib.suppress(OSError):  # the disk may be away for a while
            os.utime(path)


def _release(path: Path, holder: Holder, stop: threading.Event, fresh: bool) -> None:
    """Ends a claim, and removes a folder that was made for it and holds nothing else."""
    stop.set()
    there = _read(path)
    if there is not None and there.token == holder.token and holder.mine:  # a forked child is not the holder
        with contextlib.suppress(OSError):
            path.unlink()
            if fresh:
                path.parent.rmdir()


# -- who is who --------------------------------------------------------------------------------------------------------


def _machine() -> str:
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()]
        parts += [os.readlink("/proc/self/ns/pid")]
    return " ".join(parts)


def _born(process: int) -> str:
    """When a process started; empty where the system does not say so, or it has ended and nobody has asked how."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *numbers = status.rpartition(")")[2].split()
    return "" if state in "ZX" else numbers[18]


def _advice(movable: bool) -> str:
    if movable:
        return f"wait until it ends, stop it there, or choose another {option('out')}"
    return "wait until it ends, or stop it there"
