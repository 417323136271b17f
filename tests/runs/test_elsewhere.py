"""Trainings and scores by the workers of an executor are those of this process."""

import numpy as np
import pytest

import supernas
from runs_toy import TRAIN
from studies_toy import Inline
from supernas.core.errors import UserError
from supernas.evaluation.proxy_scores import resolve_scores, score
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
