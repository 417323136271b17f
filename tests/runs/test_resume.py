"""A run that is stopped, broken off or damaged goes on bit for bit, or says in one line why it does not."""

import itertools
import json
import random
import shutil
import signal
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from runs_toy import EPOCHS, KINDS, STEPS, left_behind, make
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.records import read_lines
from supernas.core.settings import settings
from supernas.data import Batch
from supernas.data.kinds.images import ImageSettings
from supernas.methods.e2nas.e2nas import E2NAS
from supernas.runs import folder as run_folder
from supernas.runs import loop
from supernas.runs.checkpoint import load_checkpoint, save_checkpoint
from supernas.runs.configuration import merge
from supernas.runs.generators import generator_states, restore_generators
from supernas.runs.interrupt import stop_on_interrupt
from supernas.runs.search import Search
from supernas.runs.training import train_random
from supernas.steps.contracts import Method, Metrics, SearchContext, Stage
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import WeightsOptimiser
from supernas.steps.weights import PathTrainer, TrainedState

LAST = STEPS * EPOCHS - 1


class Killed(BaseException):
    """What no `except Exception` catches."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What runs leave behind that were never interrupted."""
    left = {}
    for kind in KINDS:
        folder = tmp_path_factory.mktemp(kind)
        make(kind, folder).run()
        left[kind] = left_behind(folder)
    return left


def stop_after(kind: str, folder: Path, step: int, **options: Any) -> None:
    run = make(kind, folder, on_step=lambda progress, _: run.stop() if progress.step == step else None, **options)
    with pytest.raises(KeyboardInterrupt):
        run.run()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stops", [(0,), (2, 3), (STEPS - 1, STEPS), (1, STEPS - 1, STEPS + 1, LAST - 1)])
def test_stopped_and_resumed_is_the_same_as_whole(kind, stops, whole, tmp_path):
    for step in stops:
        stop_after(kind, tmp_path, step, resume=True)  # in an empty folder, `resume` starts
        assert not (tmp_path / "result.json").exists()
    make(kind, tmp_path, resume=True).run()
    assert left_behind(tmp_path) == whole[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_toys_reach_what_they_test(kind, whole):
    result, lines = whole[kind]["result"], whole[kind]["lines"]
    assert len(lines) == result["epochs"] == EPOCHS
    assert result["steps"] == LAST + 1
    if kind == "search":  # a novelty that was never fitted would resume too easily
        assert lines[0]["log_p_jacobian"] != 0
        assert lines[0]["architecture"] != lines[1]["architecture"]


@pytest.mark.parametrize("kind", KINDS)
def test_saving_after_every_step_changes_nothing(kind, whole, tmp_path):
    make(kind, tmp_path, {kind: {"checkpoint_minutes": 1e-9}}).run()
    assert left_behind(tmp_path) == whole[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [1, STEPS])
def test_broken_off_within_a_step(kind, step, whole, tmp_path, monkeypatch):
    """Killed after the weights' gradient or step, and before what belongs to it."""
    owner, name = (E2NAS, "_validation_gradient") if kind == "search" else (WeightsOptimiser, "step")
    original, calls = getattr(owner, name), itertools.count()

    def broken(*arguments: Any) -> Any:
        if next(calls) == step:
            raise Killed
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        with pytest.raises(Killed):
            make(kind, tmp_path, {kind: {"checkpoint_minutes": 1e-9}}).run()
    make(kind, tmp_path, resume=True).run()
    assert left_behind(tmp_path) == whole[kind]


def test_killed_at_any_write(whole, tmp_path, monkeypatch):
    """Before and after each file is moved into place, and each line is written."""
    kind = "train"  # a search writes in the same order, and takes longer
    moments = 0
    for number in itertools.count():
        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            survived = _die_at(patch, number, lambda folder=folder: make(kind, folder).run())
        make(kind, folder, resume=True).run()
        assert left_behind(folder) == whole[kind], number
        if survived:
            break
        moments += 1
    assert moments == 2 * (1 + 3 + 2) + 2 * EPOCHS  # config; checkpoint, previous, checkpoint; weights, result; lines


def _die_at(patch: pytest.MonkeyPatch, moment: int, run: Any) -> bool:
    """Runs, and dies at the given moment; True if the run ended before it."""
    moments, replace, append_line = itertools.count(), Path.replace, run_folder.append_line

    def dying(original: Any) -> Any:
        def call(*arguments: Any) -> Any:
            if next(moments) == moment:
                raise Killed
            value = original(*arguments)
            if next(moments) == moment:
                raise Killed
            return value

        return call

    patch.setattr(Path, "replace", dying(replace))
    patch.setattr(run_folder, "append_line", dying(append_line))
    try:
        run()
    except Killed:
        return False
    return True


@dataclass(kw_only=True)
class _Uniform(TrainedState):
    generator: np.random.Generator
    last: Architecture


@settings
class TwoStages(Method):
    """Uniform paths; the second stage has no `none` and twice the channels."""

    def init(self, context: SearchContext) -> _Uniform:
        return _Uniform(
            context=context,
            trainer=PathTrainer.make(context),
            generator=np.random.default_rng(context.seed),
            last=Architecture.of([1] * 6),
        )

    def step(self, state: _Uniform, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        state.last = Architecture.of(int(option) for option in state.generator.integers(1, 5, size=6))
        return state.trainer.step(train, state.last, progress)

    def derive(self, state: _Uniform, validate: Any) -> Architecture:
        return state.last

    def stages(self) -> tuple[Stage, ...]:
        return Stage(0.5), Stage(0.5, {"channels": 8})

    def keep(self, state: _Uniform, stage: int) -> tuple[tuple[int, int], ...]:
        return tuple((choice, option) for choice in range(6) for option in range(1, 5))

    def carry_over(self, old: _Uniform, new: _Uniform) -> _Uniform:
        return replace(new, last=old.last, generator=old.generator)


def test_search_whose_network_changes(tmp_path):
    config = replace(make("search", tmp_path / "unused").config, method=TwoStages(), objective=Plain())
    Search(config, tmp_path / "whole").run()
    for step in (2, STEPS - 1, STEPS, LAST - 1):
        run = Search(config, tmp_path / "parts", resume=True)
        run.on_step = lambda progress, _, run=run, step=step: run.stop() if progress.step == step else None
        with pytest.raises(KeyboardInterrupt):
            run.run()
    result = Search(config, tmp_path / "parts", resume=True).run()
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")
    assert (0, 0) not in result.supernet.pairs
    assert result.supernet.classifier.in_features == 4 * 8


@pytest.mark.parametrize("kind", KINDS)
def test_finished_run_returns_its_result(kind, tmp_path):
    first = make(kind, tmp_path).run()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = make(kind, tmp_path, resume=True, on_step=lambda *_: pytest.fail("a finished run took a step")).run()
    assert again.record == first.record
    assert again.architecture == first.architecture
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("damage", ["truncated", "flipped"])
def test_damaged_checkpoint_falls_back_to_the_one_before(damage, whole, tmp_path):
    stop_after("train", tmp_path, STEPS + 1)
    checkpoint = tmp_path / "checkpoint.pt"
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    checkpoint.write_bytes(content[: len(content) // 2] if damage == "truncated" else content)
    run = make("train", tmp_path, resume=True)
    assert run.state.step == STEPS
    assert any("checkpoint.pt is damaged" in note and "checkpoint.previous.pt" in note for note in run.notes)
    assert (tmp_path / "checkpoint.previous.pt").exists()
    assert not checkpoint.exists()  # a save would move it over the good one
    run.run()
    (tmp_path / "checkpoint.damaged.pt").unlink()
    assert left_behind(tmp_path) == whole["train"]


def test_no_damaged_byte_is_believed(tmp_path):
    tree = {"weights": torch.arange(4.0), "name": "x", "numbers": [1, 2.5]}
    save_checkpoint(tmp_path, tree)
    path = tmp_path / "checkpoint.pt"
    content = path.read_bytes()
    damaged = [content[:size] for size in range(0, len(content), 7)]
    damaged += [content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :] for at in range(len(content))]
    refused = 0
    for one in damaged:
        path.write_bytes(one)
        try:
            loaded, _ = load_checkpoint(tmp_path)
        except UserError as error:
            refused += "start again" in str(error)
        else:  # padding, dates and the like
            assert loaded is not None
            assert repr(loaded) == repr(tree)
    assert refused > len(damaged) / 4


@pytest.mark.parametrize("kind", KINDS)
def test_folder_of_another_configuration_is_refused(kind, tmp_path):
    stop_after(kind, tmp_path, 0)
    with pytest.raises(UserError, match=r"another configuration \(weights.lr is .* there and 0.5 here\)"):
        make(kind, tmp_path, {"weights": {"lr": 0.5}}, resume=True)
    with pytest.raises(UserError, match=r"seed is 0 there and 1 here"):
        make(kind, tmp_path, {kind: {"seed": 1}}, resume=True)
    with pytest.raises(UserError, match="add resume=True to go on with it, or choose another out="):
        make(kind, tmp_path)


def test_checkpoint_of_another_version_is_refused(tmp_path):
    stop_after("train", tmp_path, 0)
    tree, _ = load_checkpoint(tmp_path)
    del tree["state"]["optimiser"]
    save_checkpoint(tmp_path, tree)
    with pytest.raises(UserError, match="does not fit this run") as caught:
        make("train", tmp_path, resume=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_diverged_run_stops_with_advice(kind, tmp_path):
    run = make(kind, tmp_path, {"weights": {"lr": 1e30, "clip": 0.0}})
    with pytest.raises(UserError, match=r"not a finite number in epoch 0; nothing was saved .* below 1e\+30") as caught:
        run.run()
    assert "\n" not in str(caught.value)
    assert "weights.clip" in str(caught.value)
    assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_diverged_run_keeps_the_last_good_checkpoint(kind, whole, tmp_path):
    def poison(progress: Any, metrics: Any) -> None:
        if progress.step == LAST:  # this step's loss was finite
            with torch.no_grad():
                next(run.state.network.parameters()).fill_(torch.nan)

    run = make(kind, tmp_path, on_step=poison)
    with pytest.raises(UserError, match="a weight is not a finite number in epoch 1; the last good checkpoint is in"):
        run.run()
    assert len(read_lines(tmp_path / "metrics.jsonl")) == 1
    make(kind, tmp_path, resume=True).run()
    (tmp_path / "checkpoint.previous.pt").unlink()
    assert left_behind(tmp_path) == whole[kind]


def test_other_environment_is_noted_and_recorded(tmp_path, monkeypatch):
    stop_after("train", tmp_path, 1)
    here = loop.environment(torch.device("cpu"))
    monkeypatch.setattr(loop, "environment", lambda device: {**here, "threads": 77})
    stop_after("train", tmp_path, 3, resume=True)
    run = make("train", tmp_path, resume=True)
    assert run.notes == []  # the same as that of the checkpoint
    run.run()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["versions"]["threads"] == 77
    assert result["earlier_versions"] == [here]
    monkeypatch.setattr(loop, "environment", lambda device: here)
    assert make("train", tmp_path, resume=True).notes == []  # finished: nothing is computed here


def test_other_environment_note(tmp_path, monkeypatch):
    stop_after("train", tmp_path, 1)
    here = loop.environment(torch.device("cpu"))
    monkeypatch.setattr(loop, "environment", lambda device: {**here, "threads": 77})
    (note,) = make("train", tmp_path, resume=True).notes
    assert note == f"resumed in another environment, so not bit for bit the same: threads: {here['threads']} -> 77"


def test_global_generators_are_part_of_a_checkpoint():
    states = generator_states()
    drawn = [(random.random(), np.random.rand(), torch.rand(1).item()) for _ in range(2)]  # noqa: NPY002
    restore_generators(states)
    assert drawn == [(random.random(), np.random.rand(), torch.rand(1).item()) for _ in range(2)]  # noqa: NPY002


def test_first_interrupt_stops_second_does_not_wait():
    asked = []
    with stop_on_interrupt(lambda: asked.append(1)):
        signal.raise_signal(signal.SIGINT)
        assert asked == [1]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert asked == [1]


def test_interrupt_saves_the_step(tmp_path):
    def interrupt(progress: Any, metrics: Any) -> None:
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        make("train", tmp_path, on_step=interrupt).run()
    assert make("train", tmp_path, resume=True).state.step == 3


def test_leftovers_of_a_kill_are_removed(tmp_path):
    stop_after("train", tmp_path, 1)
    (tmp_path / ".checkpoint.pt.123.part").write_bytes(b"half")
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 0, "lo')
    make("train", tmp_path, resume=True)
    assert not list(tmp_path.glob(".*"))
    assert read_lines(tmp_path / "metrics.jsonl") == []


def test_random_architectures_are_trained_alike(tmp_path, monkeypatch):
    config = make("train", tmp_path / "unused").config
    steps, loaded, load = [], [], ImageSettings.load
    monkeypatch.setattr(ImageSettings, "load", lambda settings: loaded.append(settings) or load(settings))
    results = train_random(config, 2, tmp_path, on_step=lambda progress, _: steps.append(progress.step))
    assert len({result.text for result in results}) == 2
    assert len(steps) == 2 * (LAST + 1)
    assert loaded == [config.data]  # once for all of them
    alike = merge(config.document(), {"train": {"disconnected": "allow"}})  # whatever is drawn is trained
    for result in results:
        theirs = json.loads((result.folder / "config.json").read_text())
        assert {**theirs, "architecture": config.text} == alike
        assert result.test_accuracy == result.record["test_accuracy"]
    again = train_random(config, 2, tmp_path, on_step=lambda *_: pytest.fail("a finished run took a step"))
    assert [result.record for result in again] == [result.record for result in results]
    with pytest.raises(UserError, match="0 architectures wanted"):
        train_random(config, 0, tmp_path)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A search that was stopped after its first epoch."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    next(iter(make("search", folder)))
    return folder


def test_what_was_true_of_the_answer_survives_when_the_end_is_written_again(tmp_path):
    told = make("search", tmp_path / "run", truth=lambda architecture: {"test": 91.5}).run().record
    (tmp_path / "run" / "cell.svg").write_text("damaged")
    run = make("search", tmp_path / "run", resume=True)  # by somebody who has no benchmark
    assert len(run.notes) == 1
    again = run.run().record
    assert again["truth"] == {"test": 91.5}
    assert {**again, "seconds": None} == {**told, "seconds": None}


@pytest.mark.parametrize("damage", [b"", b'{"epoch": 0, "lo', b"\xff\n", None, b'{"epoch": 0}\n{"epoch": 1}\n'])
def test_lost_lines_are_written_again_from_the_checkpoint(stopped, tmp_path, damage):
    shutil.copytree(stopped, tmp_path / "run")
    path = tmp_path / "run" / "metrics.jsonl"
    whole = path.read_bytes()
    path.unlink() if damage is None else path.write_bytes(damage)
    run = make("search", tmp_path / "run", resume=True)
    assert run.notes == ["metrics.jsonl was missing or damaged; it is written again from the checkpoint"]
    assert path.read_bytes() == whole
    assert make("search", tmp_path / "run", resume=True).notes == []


@pytest.mark.parametrize(
    "change",
    [
        *(
            {name: value}
            for name in ("lines", "environment", "earlier", "state", "generators")
            for value in (3, "abc", [3])
        ),
        *(
            {"state": {name: value}}
            for name in ("seconds", "history", "ended", "step")
            for value in ("abc", [[3]], {"a": 1})
        ),
        *(
            {"state": {name: value}}
            for name in ("answer", "kept", "sums", "method", "network")
            for value in ("abc", 3.5)
        ),
        *({"lines": ["{}", "{}"]}, {"lines": ["[]"]}, {"lines": ["{broken"]}, {"state": {"more": 1}}),
    ],
    ids=str,
)
def test_a_checkpoint_of_wrong_types_is_refused(stopped, tmp_path, change):
    tree, _ = load_checkpoint(stopped)
    shutil.copy(stopped / "config.json", tmp_path)
    for name, value in change.items():
        tree[name] = {**tree[name], **value} if isinstance(value, dict) else value
    torch.save(tree, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match=r"is damaged \(|does not fit this run \(") as caught:
        make("search", tmp_path, resume=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["result.json", "supernet.safetensors", "cell.svg"])
def test_a_damaged_end_is_written_again(name, whole, tmp_path):
    run = make("search", tmp_path)
    run.run()
    content = bytearray((tmp_path / name).read_bytes())
    content[-40] ^= 1
    (tmp_path / name).write_bytes(content)
    again = make("search", tmp_path, resume=True)
    assert [f"{name} is damaged" in note for note in again.notes] == [True]
    again.run()
    (tmp_path / "checkpoint.previous.pt").unlink(missing_ok=True)
    assert left_behind(tmp_path) == whole["search"]
