"""Arrays of images and labels as people have them: one rule for files and for Python."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import supernas
from supernas import data
from supernas.core.errors import UserError
from supernas.data.formats.arrays import channel_axis, class_numbers, pixel_bytes
from supernas.data.kinds.images import ImageSettings

COUNT = 6
FORMS = {
    "bytes": lambda pixels: pixels,
    "long": lambda pixels: pixels.astype(np.int64),
    "16 bits": lambda pixels: pixels.astype(np.uint16) * 257,
    "fractions": lambda pixels: pixels.astype(np.float32) / 255,
    "double": lambda pixels: pixels / 255,
    "float bytes": lambda pixels: pixels.astype(np.float32),
}
LAYOUTS = {
    "channels first": lambda pixels: pixels,
    "channels last": lambda pixels: pixels.transpose(0, 2, 3, 1),
    "grey": lambda pixels: pixels[:, 0] if pixels.shape[1] == 1 else pixels,
}
LABELS = {
    "numbers": np.array([0, 1, 2, 0, 1, 2]),
    "column": np.array([[0], [1], [2], [0], [1], [2]], np.uint8),
    "names": np.array(["ant", "bee", "cat", "ant", "bee", "cat"]),
    "bytes": np.array([b"ant", b"bee", b"cat", b"ant", b"bee", b"cat"]),
}


def images(seed, channels=3, side=4):
    pixels = np.random.default_rng(seed).integers(2, 256, size=(COUNT, channels, side, side), dtype=np.uint8)
    pixels[0, 0, 0, 0] = 255  # so that no form is taken for another
    return pixels


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 99), st.sampled_from([1, 3]), st.sampled_from(list(FORMS)), st.sampled_from(list(LAYOUTS)),
    st.sampled_from(list(LABELS)),
)  # fmt: skip
def test_files_and_python_take_the_same(tmp_path, seed, channels, form, layout, labels):
    pixels, given_labels = images(seed, channels), LABELS[labels]
    given_images = LAYOUTS[layout](FORMS[form](pixels))
    file = tmp_path / "x.npz"
    np.savez(file, x_train=given_images, y_train=given_labels, x_test=given_images[:2], y_test=given_labels[:2])
    loaded = data.load_images(file)
    assert torch.equal(loaded.images["train"].images, torch.from_numpy(pixels))
    assert torch.equal(loaded.images["test"].images, torch.from_numpy(pixels[:2]))
    assert loaded.images["train"].labels.tolist() == [0, 1, 2, 0, 1, 2]
    named = labels in ("names", "bytes")
    assert loaded.classes == (("ant", "bee", "cat") if named else ("0", "1", "2"))

    made = ImageSettings.adapted(supernas.Data((given_images, given_labels), test=(given_images[:2], given_labels[:2])))
    assert ImageSettings.refuses(made) == ""
    inputs, targets = made.arrays["train"]
    assert targets.tolist() == [0, 1, 2, 0, 1, 2]
    assert made.classes == (("ant", "bee", "cat") if named else ())
    if form in ("bytes", "long", "16 bits"):
        batch = next(loaded.batches("train", torch.device("cpu")))
        assert torch.allclose(inputs, batch.inputs, atol=1e-5)
        assert made.facts()["mean"] == list(loaded.mean)
    else:
        assert torch.equal(inputs, torch.from_numpy(FORMS[form](pixels)).float())
        assert "mean" not in made.facts()


def test_parts_have_one_scale():
    dark, bright = np.full((1, 2, 2), 0.5), np.full((1, 2, 2), 200.0)
    assert pixel_bytes({"dark": dark})["dark"].max() == 128
    assert pixel_bytes({"bright": bright, "dark": dark})["dark"].max() == 0
    with pytest.raises(UserError, match="a is uint8 and b is float64; wanted one type"):
        pixel_bytes({"a": dark.astype(np.uint8), "b": dark})


def test_names_of_classes_are_those_of_the_training_labels():
    numbers, names = class_numbers({"train": np.array(["b", "a"], object), "test": np.array(["a"])})
    assert (numbers["train"].tolist(), numbers["test"].tolist(), names) == ([1, 0], [0], ("a", "b"))
    with pytest.raises(UserError, match="test has the label 'c', which no training label is"):
        class_numbers({"train": np.array(["b", "a"]), "test": np.array(["c"])})
    with pytest.raises(UserError, match="wanted names or numbers in all"):
        class_numbers({"train": np.array(["b", "a"]), "test": np.array([1])})


def test_labels_that_count_from_1_are_said(tmp_path):
    file, labels = tmp_path / "x.npz", np.array([1, 2, 3, 1, 2, 3])
    np.savez(file, x_train=images(0), y_train=labels)
    assert data.load_images(file).note == "classes without a training image: 0"
    assert supernas.Data((images(0), labels)).note == "classes without a training example: 0"
    assert supernas.Data((images(0), labels - 1)).note == ""


def test_the_names_that_others_give_arrays(tmp_path):
    file, labels = tmp_path / "x.npz", LABELS["column"]
    np.savez(file, train_images=images(0), train_labels=labels, val_images=images(1), val_labels=labels,
             test_images=images(2), test_labels=labels)  # fmt: skip
    loaded = data.load_images(file)
    assert torch.equal(loaded.images["test"].images, torch.from_numpy(images(2)))
    assert "val_images is not used" in loaded.note


def test_other_data_in_python_stay_as_they_are():
    made = supernas.Data((np.ones((4, 2)), np.ones(4)))
    assert ImageSettings.adapted(made).arrays["train"][0].shape == (4, 2)
    pixels = np.full((4, 3, 8, 8), 70_000)
    with pytest.raises(UserError, match="the train inputs hold numbers from 70000 to 70000"):
        ImageSettings.adapted(supernas.Data((pixels, np.arange(4))))
    with pytest.raises(UserError, match="no \\(inputs, targets\\)"):
        supernas.Data((pixels, [[1], [2, 3]]))


def test_a_search_takes_bytes_and_names_given_in_python(tmp_path):
    pixels, names = np.concatenate([images(0, side=8)] * 3), np.concatenate([LABELS["names"]] * 3)
    result = supernas.train(
        "3", data=(pixels.transpose(0, 2, 3, 1), names), epochs=1, device="cpu", out=tmp_path / "run",
        config={"train": {"batch_size": 6}, "network": {"channels": 2, "cells": 1}},
    )  # fmt: skip
    assert result.record["inputs"]["classes"] == ["ant", "bee", "cat"]
    assert len(result.record["inputs"]["mean"]) == 3


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((5, 3, 3, 1), 3),
        ((5, 1, 3, 3), 1),
        ((5, 3, 3, 3), 1),
        ((5, 32, 32, 3), 3),
        ((5, 1, 8, 3), 1),
        ((5, 2, 2, 2), None),
    ],
)
def test_where_either_dimension_could_count_channels_images_are_squares(shape, axis):
    assert channel_axis(shape) == axis
