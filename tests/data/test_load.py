"""Loading by name or path, sizes, splits, and what a person reads when it fails."""

import hashlib
import tarfile
from dataclasses import replace

import numpy as np
import pooch
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from supernas import data
from supernas.core.errors import UserError
from supernas.data import catalogue, download
from supernas.data.balance import even_quotas, proportional_quotas
from supernas.data.images import moments, resized, subset


def labelled(counts, side=4):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    pixels = torch.arange(len(labels), dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, side, side)
    return data.ImageSet(pixels.clone(), labels)


def numbers(images):
    return images.images[:, 0, 0, 0].tolist()


def test_digits():
    digits, again = data.load("digits"), data.load("digits")
    assert (len(digits.train), len(digits.test)) == (1_437, 360)
    assert (digits.channels, digits.resolution, digits.num_classes) == (1, 8, 10)
    assert digits.train.images.max() == 255
    assert torch.equal(digits.train.images, again.train.images)
    shares = digits.train.labels.bincount() / (digits.train.labels.bincount() + digits.test.labels.bincount())
    assert (shares - 0.8).abs().max() < 0.01
    pixels = digits.train.images.double() / 255
    assert digits.mean == pytest.approx((pixels.mean().item(),))
    assert digits.std == pytest.approx((pixels.std(correction=0).item(),))


def test_published_constants():
    cifar10, imagenet = catalogue.PUBLISHED["cifar10"], catalogue.PUBLISHED["imagenet16-120"]
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
    digits = data.load("digits")
    search = data.search_data(digits, 0)
    seen = {row.numpy().tobytes() for part in (search.train, search.valid) for row in part.images}
    assert len(search.train) + len(search.valid) == len(digits.train)
    assert seen == {row.numpy().tobytes() for row in digits.train.images}
    assert not hasattr(search, "test")


def test_train_size_is_even_and_fixed():
    images = labelled([20, 10, 2])
    assert subset(images, 14).labels.bincount().tolist() == [6, 6, 2]
    assert numbers(subset(images, 14)) == numbers(subset(images, 14))
    assert len(data.load("digits", train_size=100).train) == 100
    with pytest.raises(UserError, match="1 to 1437"):
        data.load("digits", train_size=1438)


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
    assert data.load("digits", resolution=4).resolution == 4
    with pytest.raises(UserError, match="1 to 8"):
        data.load("digits", resolution=16)


def test_moments_of_a_constant_channel():
    assert moments(data.ImageSet(torch.full((2, 1, 3, 3), 51, dtype=torch.uint8), torch.arange(2))) == (
        pytest.approx((0.2,)),
        (1.0,),
    )


def test_names_have_one_line_each():
    assert list(data.names()) == ["digits", *catalogue.PUBLISHED]
    assert all(line and "\n" not in line for line in data.names().values())


def test_unknown_names_and_paths(tmp_path):
    with pytest.raises(UserError, match="did you mean 'cifar10'"):
        data.load("cifer10")
    with pytest.raises(UserError, match="no file or folder"):
        data.load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no images in a known layout"):
        data.load(tmp_path)
    (tmp_path / "table.csv").touch()
    with pytest.raises(UserError, match=r"no \.npz file"):
        data.load("table.csv", tmp_path)


def test_what_is_not_there_says_where_to_put_it(tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("name resolution failed\nand more")

    monkeypatch.setattr(pooch, "retrieve", unreachable)
    monkeypatch.setenv("SUPERNAS_CACHE", str(tmp_path))
    for name, archive in (("cifar100", "cifar-100-binary.tar.gz"), ("mnist", "train-images-idx3-ubyte.gz")):
        with pytest.raises(UserError) as error:
            data.load(name)
        message = str(error.value)
        assert f"put {archive} in {tmp_path / name}" in message
        assert "\n" not in message
    with pytest.raises(UserError, match=rf"allow the download.* in {tmp_path / 'cifar10'}"):
        data.load("cifar10", download=False)
    with pytest.raises(UserError, match=rf"val_data in {tmp_path / 'imagenet16-120'}"):
        data.load("imagenet16-120")


def test_an_archive_put_there_by_hand_is_checked_and_unpacked(tmp_path, monkeypatch):
    folder = tmp_path / "made" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        (folder / name).write_bytes(np.zeros((2, 3073), np.uint8).tobytes())
    archive = tmp_path / "cache" / "cifar10" / "cifar-10-binary.tar.gz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, folder.name)
    published = catalogue.PUBLISHED["cifar10"]
    item = replace(published.downloads[0], md5=hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setitem(catalogue.PUBLISHED, "cifar10", replace(published, downloads=(item,)))
    assert len(data.load("cifar10", tmp_path / "cache").train) == 2
    found = download.locate("cifar10", published, tmp_path / "cache", download=False)
    assert found == archive.parent / folder.name
