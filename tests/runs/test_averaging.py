"""The average that begins with the non-monotone trigger, and what a training step adds for recurrent networks."""

import json

import pytest
import torch
from torch import nn

from supernas import spaces
from supernas.core.progress import Progress
from supernas.core.task import language_modelling
from supernas.data import Batch
from supernas.networks.base import Output
from supernas.runs.averaging import TriggeredAverage
from supernas.runs.configuration import resolve_train
from supernas.runs.training import Training
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer, training_loss


def test_the_mean_begins_after_an_epoch_worse_than_the_best_but_the_last_n():
    network = nn.Linear(1, 1, bias=False)
    average = TriggeredAverage(network, 2, lambda one, other: one < other)
    for metric in (5.0, 4.0, 4.5, 4.4):  # v_t > min(v_0 .. v_{t-3}) does not hold
        average.epoch(metric)
        average.update(network)
    assert not average.ready
    average.epoch(4.6)  # worse than 4, which is more than two epochs back
    values = [1.0, 4.0, 7.0]
    for value in values:
        with torch.no_grad():
            network.weight.fill_(value)
        average.update(network)
    assert average.ready
    assert float(average.network.weight.detach()) == pytest.approx(sum(values) / 3)
    again = TriggeredAverage(network, 2, lambda one, other: one < other)
    again.load_state_dict(average.state_dict())
    assert (again.steps, again.begun, again.metrics) == (3, True, average.metrics)


def test_a_step_carries_the_hidden_state_where_the_text_goes_on_and_pays_the_penalty():
    space, task = spaces.get("darts-rnn"), language_modelling()
    torch.manual_seed(0)
    network = space.supernet(
        num_classes=11, units=4, temporal_penalty=3.0, dropoutx=0, dropouth=0, dropout=0, dropouti=0
    )
    context = SearchContext(network, space, task, Plain(), SGDSettings(lr=1e-9, momentum=0.0, nesterov=False), 10, 0)
    trainer = PathTrainer.make(context)
    cell = space.parse("DARTS_V1")
    words = torch.randint(11, (9, 3))
    first, second = (words[:4], words[1:5]), (words[4:8], words[5:9])
    progress = Progress(0, 10, 0, 1)

    def loss(part, carry):
        return float(training_loss(task, network(part[0], active=cell.pairs, carry=carry), Batch(*part)).detach())

    trainer.step(Batch(*first), cell, progress)
    carry = trainer.carry
    for follows in (True, False):
        trainer.carry = carry
        metrics = trainer.step(Batch(*second, follows=follows), cell, progress)
        assert float(metrics["loss"]) == pytest.approx(loss(second, carry if follows else None), abs=1e-6)
    assert loss(second, carry) != pytest.approx(loss(second, None), abs=1e-6)
    output = network(first[0], active=cell.pairs)
    with_penalty = float(training_loss(task, output, Batch(*first)).detach())
    assert with_penalty - float(task.loss(output.prediction, first[1]).detach()) == pytest.approx(
        float(output.penalty.detach()), abs=1e-6
    )
    assert float(output.penalty.detach()) > 0
    bare = Output(output.prediction, output.features)
    assert float(training_loss(task, bare, Batch(*first)).detach()) < with_penalty


def test_a_training_with_an_average_and_the_best_weights_resumes_bit_for_bit(tmp_path):
    document = {
        "space": "darts-rnn",
        "architecture": "DARTS_V1",
        "network": {"units": 3},
        "data": {"train_words": 100, "valid_words": 60, "bptt": 8, "test_columns": 20, "vocabulary": 20},
        "weights": {"patience": 1, "lr": 30.0, "lr_min": 30.0},
        "train": {"epochs": 6, "batch_size": 4, "keep": "best", "device": "cpu"},
    }
    config = resolve_train(document)
    whole = Training(config, tmp_path / "whole")
    whole.run()
    assert whole.state.average.begun  # or the test shows nothing
    last = whole.steps - 2
    parts = Training(config, tmp_path / "parts", on_step=lambda p, _: p.step == last and parts.stop())
    with pytest.raises(KeyboardInterrupt):
        parts.run()
    Training(config, tmp_path / "parts", resume=True).run()
    for name in ("weights.safetensors", "metrics.jsonl"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("whole", "parts"))
        if name == "metrics.jsonl":
            one, other = (
                [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in text.splitlines()]
                for text in (one, other)
            )
        assert one == other
