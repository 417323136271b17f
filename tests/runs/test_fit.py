"""What networks cannot take is said in one line, before anything is written; what that line says to do works."""

import re

import numpy as np
import pytest
import torch

import supernas
from runs_toy import CELL
from supernas import spaces
from supernas.core.errors import UserError
from supernas.core.spelling import at_command_line

TOY = {"nas-bench-201": {"channels": 2, "cells": 1}, "darts-cnn": {"channels": 2, "cells": 3}}
ARCHITECTURES = {"nas-bench-201": CELL, "darts-cnn": "DARTS_V2"}


def images(folder, height, width=None, count=8):
    """The path of an .npz file of random images of two classes."""
    pixels = np.random.default_rng(0).integers(0, 255, (count, height, width or height, 1), dtype=np.uint8)
    path = folder / "given.npz"
    np.savez(path, x_train=pixels, y_train=np.arange(count) % 2)
    return str(path)


def jobs(space, data, folder, **search):
    """A search and a training of one step, and a scoring."""
    more = search.pop("set", [])
    common = {"space": space, "data": data, "out": folder}

    def searching(extra):
        config = {"supernet": TOY[space], "method": {"name": "random-nas", "candidates": 1}}
        return supernas.search(config=config, epochs=1, **common, set=[*more, *extra])

    def training(extra):
        config = {"network": TOY[space]}
        settings = [each.replace("search.", "train.") for each in more]
        return supernas.train(ARCHITECTURES[space], config=config, epochs=1, **common, set=[*settings, *extra])

    def scoring(extra):
        config = {"network": TOY[space], "score": {"batch_size": 2}}
        return supernas.score(ARCHITECTURES[space], config=config, **common, set=extra)

    return {"search": searching, "train": training, "score": scoring}


def advice(error):
    """The settings that a message says to give."""
    return re.findall(r'set=\["([^"]*)"\]', str(error.value))


@pytest.mark.parametrize("side", [30, 18, 50, 7])
def test_sides_that_do_not_go_and_the_ones_that_do(tmp_path, side):
    for name, job in jobs("nas-bench-201", images(tmp_path, side), tmp_path / "run").items():
        with pytest.raises(UserError, match=rf"{side}x{side}, and nas-bench-201 takes sides divisible by 4") as error:
            job([])
        assert not (tmp_path / "run").exists(), name
        assert advice(error) == [f"data.resolution={side // 4 * 4}"]
        job(advice(error))
        (tmp_path / "run").rename(tmp_path / name)


def test_a_resolution_of_the_users_own(tmp_path):
    given = images(tmp_path, 32)
    with pytest.raises(UserError, match="30x30, and nas-bench-201 takes sides divisible by 4"):
        supernas.search(data=given, set=["data.resolution=30"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("side", [1, 3])
def test_images_too_small_for_any_remedy_but_larger_ones(tmp_path, side):
    for job in jobs("nas-bench-201", images(tmp_path, side), tmp_path / "run").values():
        with pytest.raises(UserError, match="take larger images"):
            job([])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("side", [1, 5, 7, 9])
def test_darts_cells_take_any_side(tmp_path, side):
    supernet = spaces.get("darts-cnn").supernet(**TOY["darts-cnn"], in_channels=1, num_classes=2)
    assert supernet(torch.randn(2, 1, side, side)).prediction.shape == (2, 2)
    assert not type(supernet).misfit((1, side, side), type(supernet).supernet_settings())


@pytest.mark.parametrize(("space", "side"), [("nas-bench-201", 4), ("darts-cnn", 4), ("darts-cnn", 3)])
def test_one_number_a_channel_cannot_be_normalised(tmp_path, space, side):
    work = jobs(space, images(tmp_path, side), tmp_path / "run", set=["search.batch_size=1"])
    for name in ("search", "train"):
        with pytest.raises(UserError, match="needs 2 images of") as error:
            work[name]([])
        assert not (tmp_path / "run").exists()
        assert advice(error) == [f"{name}.batch_size=2"]
        work[name](advice(error))
        (tmp_path / "run").rename(tmp_path / name)
    with pytest.raises(UserError, match=r"validation_images\).*give set") as error:
        supernas.search(space=space, data=images(tmp_path, side), set=["search.validation_images=1"])
    assert advice(error) == ["search.validation_images=2"]


@pytest.mark.parametrize(
    ("space", "side", "stem", "least"),
    [
        ("nas-bench-201", 4, {}, 2),
        ("nas-bench-201", 8, {}, 1),
        ("darts-cnn", 4, {}, 2),
        ("darts-cnn", 5, {}, 1),
        ("darts-cnn", 32, {"stem": "imagenet"}, 2),
        ("darts-cnn", 33, {"stem": "imagenet"}, 1),
    ],
)
def test_the_smallest_batch_goes_and_none_smaller(space, side, stem, least):
    network = spaces.get(space).supernet(**TOY[space], **stem, in_channels=1, num_classes=2)
    size = type(network).supernet_settings(**stem)
    assert type(network).smallest_batch((1, side, side), size) == least
    network(torch.randn(least, 1, side, side))
    if least > 1:
        with pytest.raises(ValueError, match="more than 1 value"):
            network(torch.randn(1, 1, side, side))


def test_a_text_read_in_one_piece(tmp_path):
    with pytest.raises(UserError, match=r"needs 2 windows.*search\.batch_size=2"):
        supernas.search(space="darts-rnn", set=["search.batch_size=1"], out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_maps_too_small_for_an_auxiliary_head_are_found_before_the_training(tmp_path):
    train = jobs("darts-cnn", images(tmp_path, 16), tmp_path / "run")["train"]
    with pytest.raises(UserError, match="needs maps of 8x8 for its auxiliary head") as error:
        train(["network.auxiliary_weight=0.4"])
    assert not (tmp_path / "run").exists()
    train(["network.auxiliary_weight=0.4", *advice(error)])


def test_images_that_are_given_in_python_have_no_resolution_to_set(tmp_path):
    given = (torch.randn(8, 1, 10, 10), torch.arange(8) % 2)
    with pytest.raises(UserError, match="give images of 8x8"):
        supernas.search(data=given, out=tmp_path / "run")


def test_the_command_line_is_told_its_own_words(tmp_path):
    with at_command_line(), pytest.raises(UserError, match=r"give --set data\.resolution=28$"):
        supernas.search(data=images(tmp_path, 30), out=tmp_path / "run")


@pytest.mark.parametrize("name", ["nas-bench-201", "darts-cnn"])
@pytest.mark.parametrize("head", [0.0, 0.4])
def test_what_is_said_to_fit_does_and_nothing_else(name, head):
    """All that a forward pass refuses is refused before, by what the network says of itself."""
    space = spaces.get(name)
    kind = space.network_class
    size = kind.network_settings(**TOY[name], **({"auxiliary_weight": head} if name == "darts-cnn" else {}))
    network = space.standalone(space.parse(ARCHITECTURES[name]), num_classes=2, in_channels=1, **vars(size)).train()
    for side in (*range(1, 14), 15, 16, 17, 31, 32, 33):
        for batch in (1, 2):
            fits = not kind.misfit((1, side, side), size) and batch >= kind.smallest_batch((1, side, side), size)
            try:
                network.output(torch.zeros(batch, 1, side, side))
                runs = True
            except (RuntimeError, ValueError):
                runs = False
            assert runs or not fits, (side, batch)
