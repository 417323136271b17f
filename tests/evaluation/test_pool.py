"""Processes that do one function on many jobs."""

import signal

from supernas.evaluation.pool import in_processes

AT_FIRST = signal.getsignal(signal.SIGINT)
"""What ^C does when this module is imported, which a process does before anything else."""


def prepare():
    """Runs in the process."""
    return lambda job: (job, AT_FIRST)


def test_no_interrupt_meets_a_process_half_set_up():
    before = signal.getsignal(signal.SIGINT)
    assert list(in_processes(prepare, [1, 2, 3], 2, 1)) == [(job, signal.SIG_IGN) for job in (1, 2, 3)]
    assert signal.getsignal(signal.SIGINT) is before
