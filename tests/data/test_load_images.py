"""Loading by name or path, sizes, splits, and what a person reads when it fails."""

import hashlib
import struct
import tarfile
from collections import Counter
from dataclasses import replace

import numpy as np
import pooch
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import supernas
from supernas import data
from supernas.core.errors import UserError
from supernas.data import catalogue, download
from supernas.data.balance import even_quotas, proportional_quotas
from supernas.data.formats import base
from supernas.data.images import moments, resized, subset
from supernas.data.kinds.images import ImageSettings


def labelled(counts, side=4):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, side, side)
    return data.ImageSet(pixels.clone(), labels)


def numbers(images):
    return images.images[:, 0, 0, 0].tolist()


def test_digits():
    digits, again = data.load_images("digits"), data.load_images("digits")
    assert (len(digits.images["train"]), len(digits.images["test"])) == (1_437, 360)
    assert (digits.channels, digits.resolution, digits.num_classes) == (1, 8, 10)
    assert digits.images["train"].images.max() == 255
    assert torch.equal(digits.images["train"].images, again.images["train"].images)
    train, test = (digits.images[part].labels.bincount() for part in ("train", "test"))
    shares = train / (train + test)
    assert (shares - 0.8).abs().max() < 0.01
    pixels = digits.images["train"].images.double() / 255
    assert digits.mean == pytest.approx((pixels.mean().item(),))
    assert digits.std == pytest.approx((pixels.std(correction=0).item(),))


def test_published_constants():
    cifar10, imagenet = catalogue.PUBLISHED_IMAGES["cifar10"], catalogue.PUBLISHED_IMAGES["imagenet16-120"]
    assert cifar10.mean == pytest.approx((0.49139968, 0.48215841, 0.44653091), abs=3e-4)  # those of DARTS
    assert imagenet.mean == pytest.approx((0.481098, 0.45749, 0.407882), abs=1e-5)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(any), st.floats(0, 1))
def test_quotas_add_up_within_the_counts(counts, share):
    size = round(share * sum(counts))
    even, proportional = even_quotas(counts, size), proportional_quotas(counts, size)
    for quotas in (even, proportional):
        assert sum(quotas) == size
        assert all(0 <= quota <= count for quota, count in zip(quotas, counts, strict=True))
    exact = [count * size / sum(counts) for count in counts]
    assert all(abs(quota - share) < 1 for quota, share in zip(proportional, exact, strict=True))
    unfilled = [quota for quota, count in zip(even, counts, strict=True) if quota < count]
    assert not unfilled or max(even) - min(unfilled) <= 1


@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.integers(0, 5))
def test_halves_are_disjoint_complete_and_balanced(counts, seed):
    images = labelled(counts)
    train, valid = data.halves(images, seed)
    assert sorted(numbers(train) + numbers(valid)) == list(range(len(images)))
    assert all(images.labels[n] == label for n, label in zip(numbers(train), train.labels, strict=True))
    share = torch.bincount(train.labels, minlength=len(counts)) - torch.tensor(counts) / 2
    assert share.abs().max() <= 0.5
    assert len(train) == round(len(images) / 2)
    assert numbers(data.halves(images, seed)[0]) == numbers(train)


def test_halves_depend_on_the_seed_and_mix_the_classes():
    images = labelled([50, 50])
    first, second = (data.halves(images, seed)[0] for seed in (0, 1))
    assert set(numbers(first)) != set(numbers(second))
    assert 5 < first.labels[:25].sum() < 20  # no class comes first
    with pytest.raises(UserError, match="one part empty"):
        data.halves(images, 0, fraction=0.001)


def test_a_search_sees_no_test_images():
    digits = data.load_images("digits")
    search = digits.for_search(0, None)
    seen = {row.numpy().tobytes() for part in (search.images["train"], search.images["valid"]) for row in part.images}
    assert len(search.images["train"]) + len(search.images["valid"]) == len(digits.images["train"])
    assert seen == {row.numpy().tobytes() for row in digits.images["train"].images}
    assert search.parts == tuple(search.images) == ("train", "valid")


def test_train_size_is_even_and_fixed():
    images = labelled([20, 10, 2])
    assert subset(images, 14).labels.bincount().tolist() == [6, 6, 2]
    assert numbers(subset(images, 14)) == numbers(subset(images, 14))
    assert len(data.load_images("digits", train_size=100).images["train"]) == 100
    assert data.load_images("digits", train_size=1438).count("train") == 1437
    with pytest.raises(UserError, match="1 to 32"):
        subset(images, 33)


@pytest.mark.parametrize("resolution", [1, 2, 3, 4, 5, 6])
def test_resolution_averages_areas(resolution):
    pixels = torch.randint(0, 256, (3, 2, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    small = resized(data.ImageSet(pixels, torch.arange(3)), resolution).images
    assert small.shape == (3, 2, resolution, resolution)
    edges = [(6 * i // resolution, -(-6 * (i + 1) // resolution)) for i in range(resolution)]
    for i, (top, bottom) in enumerate(edges):
        for j, (left, right) in enumerate(edges):
            area = pixels[:, :, top:bottom, left:right].double().mean((2, 3))
            assert (small[:, :, i, j] - area).abs().max() <= 0.5 + 1e-4


def test_resolution_never_enlarges():
    assert data.load_images("digits", resolution=4).resolution == 4
    digits = data.load_images("digits", resolution=16)
    assert digits.resolution == 8
    with pytest.raises(UserError, match="1 to 8"):
        resized(digits.images["train"], 16)


def test_moments_of_a_constant_channel():
    assert moments(data.ImageSet(torch.full((2, 1, 3, 3), 51, dtype=torch.uint8), torch.arange(2))) == (
        pytest.approx((0.2,)),
        (1.0,),
    )


def test_names_have_one_line_each():
    assert list(data.image_names()) == ["digits", *catalogue.PUBLISHED_IMAGES]
    assert all(line and "\n" not in line for line in data.image_names().values())


def test_unknown_names_and_paths(tmp_path):
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        data.load_images("cifer10")
    with pytest.raises(UserError, match="no file or folder"):
        data.load_images(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no images in a known layout"):
        data.load_images(tmp_path)
    (tmp_path / "table.csv").touch()
    with pytest.raises(UserError, match=r"no \.npz file"):
        data.load_images("table.csv", tmp_path)


def test_what_is_not_there_says_where_to_put_it(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("name resolution failed\nand more")

    monkeypatch.setattr(pooch, "retrieve", unreachable)
    monkeypatch.setenv("SUPERNAS_CACHE", str(tmp_path))
    for name, archive in (("cifar100", "cifar-100-binary.tar.gz"), ("mnist", "train-images-idx3-ubyte.gz")):
        with pytest.raises(UserError) as error:
            data.load_images(name)
        message = str(error.value)
        assert f"put {archive} in {tmp_path / name}" in message
        assert "\n" not in message
    with pytest.raises(UserError, match=rf"allow the download.* in {tmp_path / 'cifar10'}"):
        data.load_images("cifar10", download=False)
    with pytest.raises(UserError, match=rf"val_data in {tmp_path / 'imagenet16-120'}"):
        data.load_images("imagenet16-120")


def test_an_archive_put_there_by_hand_is_checked_and_unpacked(tmp_path, monkeypatch):
    folder = tmp_path / "made" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(np.zeros((2, 3073), np.uint8).tobytes())
    archive = tmp_path / "cache" / "cifar10" / "cifar-10-binary.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    published = catalogue.PUBLISHED_IMAGES["cifar10"]
    item = replace(published.downloads[0], md5=hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setitem(catalogue.PUBLISHED_IMAGES, "cifar10", replace(published, downloads=(item,)))
    assert len(data.load_images("cifar10", tmp_path / "cache").images["train"]) == 2
    found = download.locate("cifar10", published, tmp_path / "cache", download=False)
    assert found == archive.parent / folder.name


def test_larger_images_are_averaged_down_and_more_of_them_left_out(tmp_path):
    file, pixels = tmp_path / "some.npz", np.arange(20 * 64, dtype=np.uint8).reshape(20, 8, 8)
    np.savez(file, x_train=pixels, y_train=np.arange(20) % 2, x_test=pixels[:2], y_test=np.arange(2))
    whole = ImageSettings(source=str(file)).load()
    small = ImageSettings(source=str(file), resolution=4, train_size=6).load()
    assert (whole.resolution, whole.count("train"), whole.count("test")) == (8, 20, 2)
    assert (small.resolution, small.count("train"), small.count("test")) == (4, 6, 2)
    shrunk = resized(whole.images["train"], 4)
    assert (small.mean, small.std) == moments(shrunk)  # of all training images
    assert torch.equal(small.images["train"].images, subset(shrunk, 6).images)
    as_it_is = ImageSettings(source=str(file), resolution=9, train_size=21).load()
    assert torch.equal(as_it_is.images["train"].images, whole.images["train"].images)


def test_a_folder_of_images_of_several_sizes_is_read_at_the_resolution_of_the_settings(tmp_path):
    for name, side in (("cat", 6), ("dog", 9)):
        (tmp_path / name).mkdir()
        for number in range(5):
            Image.new("L", (side, side), 10 * number).save(tmp_path / name / f"{number}.png")
    assert ImageSettings(source=str(tmp_path), resolution=6).load().input_shape == (1, 6, 6)


@pytest.mark.parametrize("settings", [{}, {"resolution": 4, "train_size": 8}], ids=["whole", "shrunk"])
@pytest.mark.parametrize("run", ["search", "train"])
def test_a_run_reads_its_files_once(tmp_path, monkeypatch, settings, run):
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(16, 8, 8), dtype=np.uint8)
    for part, number in (("train", 16), ("t10k", 4)):
        header = bytes((0, 0, 8, 3)) + struct.pack(">3I", number, 8, 8)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + pixels[:number].tobytes())
        labels = (np.arange(number) % 2).astype(np.uint8)
        header = bytes((0, 0, 8, 1)) + struct.pack(">I", number)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    reads, read_bytes = Counter(), base.read_bytes

    def counted(path):
        if path.parent == folder:
            reads[path.name] += 1
        return read_bytes(path)

    monkeypatch.setattr(base, "read_bytes", counted)
    small = {"channels": 2, "cells": 1}
    config = {"data": settings, run: {"batch_size": 4}, ("supernet" if run == "search" else "network"): small}
    common = {"data": str(folder), "epochs": 1, "device": "cpu", "config": config, "out": tmp_path / "run"}
    if run == "search":
        supernas.search(method="random-nas", **common)
    else:
        supernas.train("3", **common, parameters=2_000)
    assert list(reads.values()) == [1, 1, 1, 1]
