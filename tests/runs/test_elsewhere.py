"""Trainings and scores by the workers of an executor are those of this process."""

import shutil

import numpy as np
import pytest

import supernas
from runs_toy import TRAIN
from searched_toy import finished
from studies_toy import Inline, InlinePool
from supernas.core.errors import UserError
from supernas.evaluation.correlate import correlate, draw
from supernas.evaluation.proxy_scores import resolve_scores, score
from supernas.evaluation.supernet_accuracy import EvaluationSettings, supernet_accuracies
from supernas.runs.configuration import merge, resolve_train
from supernas.runs.elsewhere import train_elsewhere
from supernas.runs.executors import Needs
from supernas.runs.training import alike, drawn, train_random


def test_random_trainings_elsewhere_are_those_of_this_process(tmp_path):
    config = resolve_train(merge(TRAIN, {"train": {"epochs": 1}}))
    several = alike(config, drawn(config, 2), tmp_path / "there", "digits")
    events = []
    train_elsewhere(several, Inline(), Needs(), tmp_path, lambda event: events.append(event.state))
    assert sorted(state for state in events if state != "going") == ["finished", "finished", "started", "started"]
    here, there = (train_random(config, 2, tmp_path / place) for place in ("here", "there"))
    assert [one.folder for one in there] == list(several)
    assert [one.test_metric for one in there] == [one.test_metric for one in here]
    train_elsewhere(several, Inline(), Needs(), tmp_path, lambda event: events.append(event.state))
    assert events[-2:] == ["kept", "kept"]


def test_a_training_that_fails_elsewhere_is_said(tmp_path):
    config = resolve_train(merge(TRAIN, {"weights": {"lr": 1e30}}))
    with pytest.raises(UserError, match="loss is not a finite number"):
        train_elsewhere({tmp_path / "run": config}, Inline(), Needs(), tmp_path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"executor": "local"}, "executor is for random architectures; give compare_random=N too"),
        ({"workers": 2, "compare_random": 1}, "workers is for random architectures; give executor too"),
        ({"executor": "rya", "compare_random": 1}, "unknown executor 'rya'"),
    ],
)
def test_an_executor_that_would_have_nothing_to_do_is_refused(given, message, tmp_path):
    with pytest.raises(UserError, match=message):
        supernas.train("0", epochs=1, out=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_scores_elsewhere_are_those_of_this_process(tmp_path):
    config = resolve_scores(["synflow"], {"network": {"channels": 2, "cells": 1}, "score": {"batch_size": 8}})
    architectures = [config.space.parse(str(index)) for index in (1, 200, 3000, 4, 5000, 6)]
    here = score(architectures, config, tmp_path / "here")
    there = score(architectures, config, tmp_path / "there", executor=Inline())
    assert np.array_equal(here.scores["synflow"], there.scores["synflow"])


@pytest.fixture
def jobs(monkeypatch):
    """Those that workers were given."""
    given, start = [], InlinePool.start
    monkeypatch.setattr(InlinePool, "start", lambda pool, job: given.append(job) or start(pool, job))
    return given


def test_a_correlation_has_accuracies_and_scores_found_elsewhere(tmp_path, space, jobs):
    here = finished(tmp_path / "here").folder
    there = shutil.copytree(here, tmp_path / "there")
    architectures, evaluation = draw(space, 5), EvaluationSettings(images=20)
    asked = architectures, np.arange(5.0), "made-up", evaluation
    found = correlate(there, *asked, proxies={"synflow": {}}, executor=Inline())
    assert len({job.mark for job in jobs}) == 2  # accuracies, and scores
    assert np.array_equal(found.scores["inherited accuracy"], supernet_accuracies(here, architectures, evaluation))


def test_scores_and_random_trainings_are_done_where_it_was_said(tmp_path, jobs):
    size = {"channels": 2, "cells": 1, "batch_size": 8}
    supernas.score(["1", "200"], out=tmp_path / "scores", executor=Inline(), **size)
    assert len(jobs) == 1
    few = merge(TRAIN, {"train": {"epochs": 1}})
    result = supernas.train(
        TRAIN["architecture"], config=few, out=tmp_path / "run", compare_random=2, executor=Inline()
    )
    assert [job["folder"] for job in jobs[1:]] == [str(one.folder.resolve()) for one in result.random]
