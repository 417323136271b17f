"""Studies of seconds."""

import pickle

from supernas.core.settings import settings
from supernas.runs.executors.base import Executor, Pool, Task, attempt

TOY = {
    "method": {"name": "random-nas", "candidates": 4},
    "supernet": {"channels": 2, "cells": 1},
    "data": {"source": "digits", "train_size": 96},
    "search": {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
}


@settings
class Inline(Executor):
    """Workers that are no processes: the start of one takes longer than these runs. Work is sent to them, though."""

    def open(self, work, needs, folder):
        return InlinePool(work)


class InlinePool(Pool):
    workers = 2

    def __init__(self, work):
        self.work = work

    def start(self, job):
        work, job = pickle.loads(pickle.dumps((self.work, job)))
        return InlineTask(attempt(work, job, lambda: False))

    def wait(self, tasks, seconds):
        return tasks

    def close(self):
        pass


class InlineTask(Task):
    def __init__(self, outcome):
        self.outcome = outcome

    def stop(self):
        raise AssertionError("it is done")

    def result(self):
        return self.outcome.get()
