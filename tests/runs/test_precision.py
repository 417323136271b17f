"""A precision is that of the products alone, is refused where it cannot be, and what was computed is written down."""

import json

import pytest
import torch
from torch import nn

from supernas.core.errors import UserError
from supernas.runs.configuration import merge, resolve_search, resolve_train
from supernas.runs.device import set_arithmetic
from supernas.runs.search import Search
from supernas.runs.training import Training
from supernas_pytest.parts import Parts
from supernas_pytest.toys import TOY, alone, config_of

__all__ = ["alone"]

OURS = Parts(None)
METHODS = ("balenas", "darts", "drnas", "e2nas", "enas", "gdas", "nao", "pc-darts", "random-nas", "setn", "snas")
EXACT = {"hypergradient": "exact"}


def searched(method, more, folder):
    toy = config_of(OURS, "nas-bench-201", method, "plain").document()
    return Search(resolve_search(merge(toy, {"search": {"precision": "bf16"}}, more)), folder)


@pytest.fixture
def products(monkeypatch):
    """The types of what convolutions gave."""
    seen = set()
    forward = nn.Conv2d.forward

    def watched(self, x):
        given = forward(self, x)
        seen.add(given.dtype)
        return given

    monkeypatch.setattr(nn.Conv2d, "forward", watched)
    return seen


HALF = {"search": {"precision": "fp16"}}
CASES = [
    *((method, {}, torch.bfloat16) for method in METHODS),
    *((method, HALF, torch.float16) for method in ("balenas", "darts", "e2nas", "gdas")),
    ("sdarts", merge(HALF, {"method": {"perturbation": "adversarial", "steps": 2}}), torch.float16),
    ("darts", {"method": {"order": 2, **EXACT}}, torch.bfloat16),
    ("balenas", {"method": {"order": 2, **EXACT}}, torch.bfloat16),
    ("tetlo", {"method": EXACT}, torch.bfloat16),
]


@pytest.mark.parametrize(("method", "more", "half"), CASES)
def test_a_step_computes_in_half_the_bits_and_moves_weights_in_float32(tmp_path, products, method, more, half):
    search = searched(method, more, tmp_path / "half")
    products.clear()
    metrics = search._step(search._progress())
    assert products == {half}
    assert {parameter.dtype for parameter in search.network.parameters()} == {torch.float32}
    whole = searched(method, merge(more, {"search": {"precision": "float32"}}), tmp_path / "whole")
    expected = whole._step(whole._progress())
    assert metrics["loss" if "loss" in metrics else "valid_loss"].dtype == torch.float32
    for name in (name for name in metrics if name in ("loss", "valid_loss")):
        assert float(metrics[name]) == pytest.approx(float(expected[name]), rel=0.1)


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("darts", {"method": {"order": 2}}),
        ("balenas", {"method": {"order": 2}}),
        ("tetlo", {}),
        ("tetlo", {"method": {"transfer_weight": 0, "base_settings": {"order": 2}}}),
        ("zero-cost", {}),
        ("darts", {"regulariser": "alignment"}),
    ],
)
def test_differences_that_are_too_small_for_a_precision_are_refused(tmp_path, method, more):
    with pytest.raises(UserError, match=r"does not go with search\.precision=bfloat16: .*search\.precision=float32"):
        searched(method, more, tmp_path)


CURVATURE = {"method": {"adam": {"curvature": "exact", "sqrt": False}}}


@pytest.mark.parametrize(
    ("method", "more", "remedy"),
    [
        ("darts", {"method": {"order": 2}}, "float32"),
        ("darts", {"method": {"order": 2, **EXACT}}, "bfloat16"),
        ("balenas", {"method": {"order": 2, **EXACT}}, "bfloat16"),
        ("balenas", CURVATURE, "bfloat16"),
        ("tetlo", {}, "float32"),
        ("tetlo", {"method": EXACT}, "bfloat16"),
        ("tetlo", {"method": {"transfer_weight": 0}}, "bfloat16"),
        ("zero-cost", {}, "float32"),
        ("random-nas", {"objective": "wpl"}, "bfloat16"),
    ],
)
def test_what_a_scaled_loss_does_not_save_is_refused_in_float16(tmp_path, method, more, remedy):
    with pytest.raises(UserError, match=rf"does not go with search\.precision=float16: .*search\.precision={remedy}\b"):
        searched(method, merge(HALF, more), tmp_path)


CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"


def trained(folder, precision, resume=False):
    document = {
        "architecture": CELL,
        "network": {"channels": 4, "cells": 1},
        "data": TOY["data"],
        "train": {"epochs": 2, "batch_size": 32, "device": "cpu", "precision": precision},
    }
    return Training(resolve_train(document), folder, resume=resume)


def test_float16_scales_the_loss_and_goes_on_with_the_same_scale(tmp_path):
    run = trained(tmp_path / "run", "fp16")
    scale = run.state.optimiser.scale
    scale.factor = 2.0**60  # too much: no step
    before = [parameter.clone() for parameter in run.state.network.parameters()]
    run._step(run._progress())
    assert all(torch.equal(*pair) for pair in zip(before, run.state.network.parameters(), strict=True))
    assert scale.factor == 2.0**59
    scale.factor = 2.0**10
    metrics = next(iter(run)).metrics
    assert metrics["skipped"] == 0
    run.folder.claim.release()
    again = trained(tmp_path / "run", "fp16", resume=True)
    assert again.state.optimiser.scale == scale
    whole = next(iter(trained(tmp_path / "whole", "fp32"))).metrics
    assert metrics["loss"] == pytest.approx(whole["loss"], rel=0.05)


def test_what_a_search_computed_in_is_in_its_record(tmp_path):
    search = searched("random-nas", {"search": {"deterministic": True}}, tmp_path / "run")
    assert torch.are_deterministic_algorithms_enabled()
    search.run()
    set_arithmetic(torch.device("cpu"), tf32=False, deterministic=False, cudnn_benchmark=False)
    record = json.loads((tmp_path / "run" / "result.json").read_text())
    assert record["arithmetic"] == {
        "precision": "bfloat16",
        "tf32": False,
        "deterministic": True,
        "cudnn_benchmark": False,
        "compile": False,
    }


@pytest.mark.parametrize("name", ["tf32", "cudnn_benchmark"])
def test_what_only_a_gpu_has_is_refused_elsewhere(tmp_path, name):
    with pytest.raises(UserError, match=f"{name} is of NVIDIA's GPUs, and this run is on the cpu"):
        searched("darts", {"search": {name: True}}, tmp_path)


def test_trying_convolutions_is_not_deterministic(tmp_path):
    with pytest.raises(UserError, match="cudnn_benchmark is not deterministic"):
        searched("darts", {"search": {"deterministic": True, "cudnn_benchmark": True}}, tmp_path)


def test_tensorfloat_can_be_asked_for_afterwards():
    """As PyTorch's exporter does, which refuses a mixture of its settings."""
    set_arithmetic(torch.device("cpu"), tf32=False, deterministic=False, cudnn_benchmark=False)
    assert torch.backends.cudnn.allow_tf32 is torch.backends.cuda.matmul.allow_tf32 is False
