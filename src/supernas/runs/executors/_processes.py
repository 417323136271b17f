"""Processes of this machine that work for a parent, leave ^C to it, and never outlive it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

import torch

from supernas.runs.executors.base import Outcome, Work, WorkerDiedError, attempt

__all__ = ["Worker", "follow_parent", "uninterrupted"]


def follow_parent(threads: int = 1) -> None:
    """Sets up a process that was just started: it computes with so many threads, leaves ^C to its parent, which tells
    it what to do, and ends when the parent does: a parent that is killed cannot tell it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(threads)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class Worker:
    """A process that does one job at a time. A worker that dies takes no other with it: nothing is shared.

    Args:
        work: a function of a module; it gets each job, and a function that says whether to stop.
        threads: with which it computes.
        variables: of its environment, where they are not this process's.
    """

    def __init__(self, work: Work, threads: int, variables: Mapping[str, str] | None = None) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process can hang in the parent's thread pools
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work, threads))
        with uninterrupted(), _environment(variables or {}):  # before anything is imported there
            self._process.start()
        theirs.close()  # the worker has its own; now its death is the end of the connection

    def start(self, job: Any) -> None:
        """Gives the worker a job; `connection` is readable when it is done."""
        self._send(job)

    def stop(self) -> None:
        """Asks the worker to stop its job soon."""
        self._send(None)

    def result(self) -> Outcome:
        """Waits for what comes of the job.

        Raises:
            WorkerDiedError: if the worker ended before.
        """
        try:
            outcome: Outcome = self.connection.recv()
            return outcome
        except (EOFError, ConnectionError):
            self._process.join()
            raise WorkerDiedError(_how(self._process.exitcode)) from None

    def end(self) -> None:
        """Ends a worker that has no job."""
        self.connection.close()
        self._process.join()

    def kill(self) -> None:
        """Ends a worker at once."""
        self._process.kill()
        self.end()

    def _send(self, message: Any) -> None:
        with suppress(ConnectionError):  # it has died, which `result` will say
            self.connection.send(message)


def _serve(connection: Connection, work: Work, threads: int) -> None:
    follow_parent(threads)
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        if job is None:  # asked to stop when the job was already done
            continue
        connection.send(attempt(work, job, connection.poll))  # the parent says nothing during a job but to stop


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Where processes are started: they inherit that ^C is ignored, so that it does not meet them half set up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Where processes are started that have other variables in their environment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        memory = "; was there too little memory?" if exit_code == -9 else ""
        return f"its process was ended by {signal.Signals(-exit_code).name}{memory}"
    return f"its process ended with exit code {exit_code}; does the script have `if __name__ == '__main__':`?"
