"""Own data: what a found network is compared with, and pictures that a search can be run on."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import garments
import own_data
import supernas
from searched_toy import finished
from supernas import data


def test_differences_are_of_the_found_network_and_the_better_half_is_the_better_half() -> None:
    compared = own_data.Compared(80.0, (90.0, 80.0, 70.0, 60.0), {"resnet": 81.0}, 1000)
    assert compared.differences == {
        "mean of the random ones": 5.0,
        "mean of their better half": -5.0,
        "best of them": -10.0,
        "resnet": -1.0,
    }


def test_interval_is_students() -> None:
    mean, half = own_data.interval([1.0, 2.0, 3.0])
    assert (mean, half) == (2.0, pytest.approx(4.302653 / math.sqrt(3), rel=1e-6))
    assert math.isnan(own_data.interval([1.0])[1])


def test_garments_are_read_as_fashion_mnist_and_differ_by_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["garments", str(tmp_path), "--train", "200", "--test", "50"])
    garments.main()
    loaded = data.load_images("fashion-mnist", tmp_path)
    pictures, labels = loaded.images["train"].images.numpy()[:, 0], loaded.images["train"].labels.numpy()
    assert pictures.shape == (200, 28, 28)
    assert np.bincount(labels).tolist() == [20] * 10
    means = np.stack([pictures[labels == label].mean(0) for label in range(10)]).reshape(10, -1)
    nearest = ((pictures.reshape(200, 1, -1) - means) ** 2).mean(-1).argmin(1)
    assert 0.5 < (nearest == labels).mean() < 0.95  # neither noise nor trivial


def test_what_was_found_or_derived_is_trained_beside_the_same_random_ones(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    derived = supernas.derive(run.folder, by="best-sampled", candidates=12, images=40)
    assert derived.architecture != run.architecture
    compared = [own_data.compare(one, tmp_path / "out", 2, 1) for one in (run.folder, derived.file)]
    assert compared[0].random == compared[1].random
    assert list(compared[0].references) == ["largest cell (all 3x3)", "ResNet cell"]
    records = [json.loads(file.read_text()) for file in (tmp_path / "out").glob("*/result.json")]
    parameters = {record["architecture"]: record["parameters"] for record in records}
    assert [one.parameters for one in compared] == [parameters[run.text], parameters[derived.text]]
