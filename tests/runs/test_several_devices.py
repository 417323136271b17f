"""A search on two devices is the search on one: every method, in double precision, but for the order of sums.

Normalisations use running averages, or the statistics of the whole batch; by those of its own part a device would
compute something else.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from torch import nn

from pair import in_pair, outcomes
from supernas.core.errors import UserError
from supernas.core.ranks import size
from supernas.core.state import State
from supernas.runs.configuration import SearchConfig, merge, resolve_search
from supernas.runs.search import Search
from supernas_pytest.parts import Parts
from supernas_pytest.toys import alone, config_of

__all__ = ["alone"]

OURS = Parts(None)
STEPS = 20
METHODS = tuple(OURS.names("method"))
TRAINING = ("bananas", "local-search", "random-search", "regularised-evolution")
REGULARISERS = ("alignment", "beta", "oles")
SECOND = {"method": {"order": 2}}
EXACT = {"method": {"order": 2, "hypergradient": "exact"}}
SPLIT = {"search": {"paths": "split"}, "objective": {"epsilon": 0.5, "weighting": "released"}}  # parts of 4, 2 and 2
SHARED = {"samples": 2, "split_batch": True}
LOGITS = {"method": {"transfer": {"form": "logits"}}}
SYNCHRONISED = {"search": {"statistics": "synchronised"}}
HALF = {"search": {"precision": "float16"}}  # which leaves what is in double precision as it is; losses are scaled
# name: space, method, objective, more settings
CASES: dict[str, tuple[str, str, str, Any]] = {
    **{method: ("nas-bench-201", method, "plain", {}) for method in METHODS},
    "tetlo": ("nas-bench-201", "tetlo", "plain", SYNCHRONISED),  # its auxiliary has no averages to use
    **{method: ("nas-bench-201", method, "plain", SYNCHRONISED) for method in TRAINING},  # candidates learn as usual
    **{objective: ("nas-bench-201", "random-nas", objective, {}) for objective in ("complementation", "nsas")},
    **{regulariser: ("nas-bench-201", "darts", "plain", {"regulariser": regulariser}) for regulariser in REGULARISERS},
    "wpl": ("nas-bench-201", "random-nas", "wpl", {"objective": {"hold": 2}}),
    "wpl of single images": ("nas-bench-201", "random-nas", "wpl", {"objective": {"hold": 2, "fisher": "sample"}}),
    "shared out among paths": ("nas-bench-201", "random-nas", "complementation", SPLIT),
    "shared out among draws": ("nas-bench-201", "e2nas", "plain", {"method": {"draws": 2}}),
    "shared out among draws of parameters": ("nas-bench-201", "balenas", "plain", {"method": SHARED}),
    "second order": ("nas-bench-201", "darts", "plain", SECOND),
    "second order, exact": ("nas-bench-201", "darts", "plain", EXACT),
    "balenas of second order": ("nas-bench-201", "balenas", "plain", SECOND),
    "curvature": ("nas-bench-201", "balenas", "plain", {"method": {"adam": {"curvature": "exact", "sqrt": False}}}),
    "tetlo, exact": ("nas-bench-201", "tetlo", "plain", merge(SYNCHRONISED, {"method": {"hypergradient": "exact"}})),
    "tetlo of a path": ("nas-bench-201", "tetlo", "plain", merge(SYNCHRONISED, {"method": {"base": "gdas"}})),
    "tetlo, logits": ("nas-bench-201", "tetlo", "plain", merge(SYNCHRONISED, LOGITS)),
    "float16": ("nas-bench-201", "darts", "plain", HALF),
    "float16, a path": ("nas-bench-201", "gdas", "plain", HALF),
    "a text": ("darts-rnn", "darts", "plain", {}),
    "a text, paths": ("darts-rnn", "random-nas", "plain", {}),
    "synchronised": ("nas-bench-201", "gdas", "plain", SYNCHRONISED),
    "synchronised, exact": ("nas-bench-201", "darts", "plain", merge(EXACT, SYNCHRONISED)),
    "synchronised averages": (
        *("darts-cnn", "random-nas", "plain"),
        merge(SYNCHRONISED, {"supernet": {"batch_norm": "tracked"}}),
    ),
}
FEW = 3  # steps of the variants
TOLERANCE = 1e-5


class Double:
    """A stream of inputs in double precision."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __next__(self) -> Any:
        batch = next(self.stream)
        return batch._replace(inputs=batch.inputs.double()) if batch.inputs.is_floating_point() else batch


def configuration(name: str, **search: Any) -> SearchConfig:
    space, method, objective, more = CASES[name]
    toy = config_of(OURS, space, method, objective).document()
    tracked = {} if more.get("search", {}).get("statistics") else {"supernet": {"batch_norm": "tracked"}}
    return resolve_search(merge(toy, tracked, {"search": {"epochs": 8}}, more, {"search": search}))


def networks(value: Any) -> list[nn.Module]:
    if isinstance(value, State):
        return [network for inner in vars(value).values() for network in networks(inner)]
    return [value] if isinstance(value, nn.Module) else []


def after_steps(name: str, folder: Path) -> Any:
    """Everything that a search has learnt after some steps."""
    config = configuration(name, devices=size())
    synchronised = config.search.statistics == "synchronised"
    search = Search(config, folder)
    state = search.state
    state.train, state.valid = Double(state.train), Double(state.valid)
    for network in networks(state):
        network.train(synchronised)
    for _ in range(STEPS if name in METHODS else FEW):
        search._add(search._step(search._progress()))
        state.step += 1
    search._join_parts()
    tree = state.tree()
    return {name: value for name, value in tree.items() if name != "seconds"}


def in_double(work: Any, *arguments: Any) -> Any:
    torch.set_default_dtype(torch.float64)
    try:
        return work(*arguments)
    finally:
        torch.set_default_dtype(torch.float32)


def all_cases(folder: Path, names: list[str]) -> Any:
    return {name: in_double(after_steps, name, folder / f"{place}") for place, name in enumerate(names)}


@pytest.fixture(scope="module")
def pair(request, tmp_path_factory):
    """What both ranks have learnt in each case that is asked for; made once for all processes of the tests."""
    chosen = [item.callspec.params["name"] for item in request.session.items if "pair" in item.fixturenames]
    several = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if several else base) / "pair"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            folder.mkdir()
            in_pair(all_cases, folder, chosen)
        return outcomes(folder)


def differences(one: Any, other: Any, where: str = "") -> dict[str, float]:
    """How far apart the numbers of two trees are, as a part of the largest; endless where anything else differs."""
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        return {at: d for key in one for at, d in differences(one[key], other[key], f"{where}.{key}").items()}
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return {at: d for key, pair in pairs for at, d in differences(*pair, f"{where}.{key}").items()}
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) and one.shape == other.shape:
        largest = max(1.0, float(other.abs().max())) if one.numel() else 1.0
        return {where: float((one.double() - other.double()).abs().max()) / largest if one.numel() else 0.0}
    if isinstance(one, float) and isinstance(other, float):
        return {where: abs(one - other)}
    return {where: 0.0 if type(one) is type(other) and one == other else float("inf")}


@pytest.mark.parametrize("name", CASES)
def test_two_devices_do_what_one_does(tmp_path, pair, name):
    first, second = (of_rank[name] for of_rank in pair)
    assert max(differences(first, second).values()) == 0.0
    alone = in_double(after_steps, name, tmp_path)
    worst = max(differences(first, alone).items(), key=lambda item: item[1])
    assert worst[1] < TOLERANCE, worst


def test_single_images_have_no_gradient_where_devices_normalise_together():
    more = {"search": {"devices": 2, "statistics": "synchronised"}, "objective": {"fisher": "sample"}}
    toy = config_of(OURS, "nas-bench-201", "random-nas", "wpl").document()
    with pytest.raises(UserError, match=r"does not go with search\.statistics=synchronised"):
        resolve_search(merge(toy, more))


# -- goes on -----------------------------------------------------------------------------------------------------------


def halfway(folder: Path) -> Any:
    """A search of a text that was broken off after its first epoch, by both devices."""
    search = Search(configuration("a text", devices=size()), folder / "run")
    next(iter(search))
    search.folder.claim.release()
    return str(search.folder.path)


def test_a_search_of_two_devices_goes_on_with_one(tmp_path):
    run, _ = in_pair(halfway, tmp_path)
    resumed = Search(configuration("a text"), Path(run), resume=True)
    assert resumed.state.method.trainer.carry[0].shape[0] == resumed.state.train.batch_size
    one = Search(configuration("a text"), tmp_path / "one")
    next(iter(one))
    assert max(differences(resumed.state.tree()["train"], one.state.tree()["train"]).values()) == 0
    assert any("devices: 2 -> 1" in note for note in resumed.notes)
    next(iter(resumed))


def to_the_end(folder: Path, run: Path, name: str) -> Any:
    search = Search(configuration(name, devices=size(), epochs=2), run, resume=True)
    carry = search.state.method.trainer.carry
    result = search.run()
    return carry and len(carry[0]), result.text, result.record[f"valid_{search.task.quantity}"], result.history


@pytest.mark.parametrize("name", ["a text", "enas", "random-search"])
def test_a_search_of_one_device_goes_on_with_two_which_find_one_architecture(tmp_path, name):
    run = tmp_path / "run"
    one = Search(configuration(name, epochs=2), run)
    next(iter(one))
    one.folder.claim.release()
    carried = one.state.method.trainer.carry
    first, second = in_pair(to_the_end, tmp_path, run, name)
    assert first == second
    assert first[0] == (carried and len(carried[0]) // 2)
    assert json.loads((run / "result.json").read_text())["architecture"] == first[1]
    assert not (run / "claim.json").exists()


def uneven(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        Search(configuration("darts", devices=size(), batch_size=15), folder)
    return str(caught.value)


def test_a_batch_that_cannot_be_shared_out_is_refused(tmp_path):
    assert (
        in_pair(uneven, tmp_path)
        == ['a batch of 15 cannot be shared out evenly among 2 devices; give set=["search.batch_size=14"]'] * 2
    )
