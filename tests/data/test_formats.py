"""Every file format: written by the test, read back; damaged files end in one line that names them."""

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from supernas import data
from supernas.core.errors import UserError
from supernas.data.formats import base, npz
from supernas.data.formats.cifar import CIFAR10, CIFAR100
from supernas.data.formats.idx import IDX
from supernas.data.formats.imagenet16 import ImageNet16

SUBSET = Path(os.environ.get("SUPERNAS_DATA", Path(__file__).parents[3] / "shared" / "data")) / "cifar-10-subset"


def random_images(count, channels=3, side=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, side, side), dtype=np.uint8)


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message
    return True


def write_binary(path, images, labels, coarse=None):
    columns = [np.asarray(labels, np.uint8)[:, None], images.reshape(len(images), -1)]
    if coarse is not None:
        columns.insert(0, np.asarray(coarse, np.uint8)[:, None])
    path.write_bytes(np.concatenate(columns, 1).tobytes())


def write_pickled(path, images, labels, key="labels"):
    path.write_bytes(pickle.dumps({"data": images.reshape(len(images), -1), key: list(labels)}, 2))


def write_idx(path, array, *, compressed=False):
    raw = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(raw) if compressed else raw)


def cifar10_binary(folder):
    write_binary(folder / "data_batch_1.bin", random_images(4, seed=1), [0, 9, 3, 3])
    write_binary(folder / "data_batch_3.bin", random_images(2, seed=2), [1, 2])
    write_binary(folder / "test_batch.bin", random_images(3, seed=3), [5, 0, 9])
    return CIFAR10, [0, 9, 3, 3, 1, 2], "data_batch_1.bin", "test_batch.bin"


def cifar10_python(folder):
    write_pickled(folder / "data_batch_1", random_images(4, seed=1), [0, 9, 3, 3])
    write_pickled(folder / "data_batch_3", random_images(2, seed=2), [1, 2])
    write_pickled(folder / "test_batch", random_images(3, seed=3), [5, 0, 9])
    return CIFAR10, [0, 9, 3, 3, 1, 2], "data_batch_1", "test_batch"


def cifar100_binary(folder):
    write_binary(folder / "train.bin", np.concatenate([random_images(4, seed=1), random_images(2, seed=2)]),
                 [0, 99, 7, 8, 9, 1], coarse=[19, 0, 1, 2, 3, 4])  # fmt: skip
    write_binary(folder / "test.bin", random_images(3, seed=3), [98, 0, 1], coarse=[0, 0, 0])
    return CIFAR100, [0, 99, 7, 8, 9, 1], "train.bin", "test.bin"


def cifar100_python(folder):
    images = np.concatenate([random_images(4, seed=1), random_images(2, seed=2)])
    write_pickled(folder / "train", images, [0, 99, 7, 8, 9, 1], "fine_labels")
    write_pickled(folder / "test", random_images(3, seed=3), [98, 0, 1], "fine_labels")
    return CIFAR100, [0, 99, 7, 8, 9, 1], "train", "test"


CIFAR = [cifar10_binary, cifar10_python, cifar100_binary, cifar100_python]


@pytest.mark.parametrize("write", CIFAR)
def test_cifar(tmp_path, write):
    reader, labels, train_name, test_name = write(tmp_path)
    assert reader.found(tmp_path)
    train, test, classes = reader.read(tmp_path)
    expected = np.concatenate([random_images(4, seed=1), random_images(2, seed=2)])
    assert torch.equal(train.images, torch.from_numpy(expected))
    assert train.labels.tolist() == labels
    assert torch.equal(test.images, torch.from_numpy(random_images(3, seed=3)))
    assert len(set(classes)) == len(classes) == (10 if reader is CIFAR10 else 100)

    whole = (tmp_path / train_name).read_bytes()
    (tmp_path / train_name).write_bytes(whole[:-1])
    with pytest.raises(UserError) as error:
        reader.read(tmp_path)
    assert one_line(error, tmp_path / train_name)

    (tmp_path / train_name).write_bytes(whole)
    (tmp_path / test_name).unlink()
    with pytest.raises(UserError) as error:
        reader.read(tmp_path)
    assert one_line(error, tmp_path / test_name, "missing" if test_name.endswith(".bin") else "cannot be read")


@pytest.mark.parametrize("python", [False, True])
def test_cifar_label_out_of_range(tmp_path, python):
    (cifar10_python if python else cifar10_binary)(tmp_path)
    name = "test_batch" if python else "test_batch.bin"
    (write_pickled if python else write_binary)(tmp_path / name, random_images(2), [3, 10])
    with pytest.raises(UserError) as error:
        CIFAR10.read(tmp_path)
    assert one_line(error, tmp_path / name, "label 10", "0 to 9")


def test_a_full_data_set_must_have_the_published_checksums(tmp_path):
    for name in [f"data_batch_{number}.bin" for number in range(1, 6)]:
        write_binary(tmp_path / name, np.zeros((10_000, 3, 32, 32), np.uint8), np.zeros(10_000))
    write_binary(tmp_path / "test_batch.bin", np.zeros((9_999, 3, 32, 32), np.uint8), np.zeros(9_999))
    assert len(CIFAR10.read(tmp_path).train) == 50_000  # one test image fewer: somebody's own subset
    write_binary(tmp_path / "test_batch.bin", np.zeros((10_000, 3, 32, 32), np.uint8), np.zeros(10_000))
    with pytest.raises(UserError) as error:
        CIFAR10.read(tmp_path)
    assert one_line(error, tmp_path / "data_batch_1.bin", "MD5", "5dd7e06a14cb22eb9f671a540d1b7c25")


def test_checksums_are_md5(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    base.verify(tmp_path, {"empty": "d41d8cd98f00b204e9800998ecf8427e"})


def test_imagenet16_keeps_the_first_classes_counted_from_0(tmp_path):
    images = random_images(5, side=16)
    write_pickled(tmp_path / "train_data_batch_2", images, [1, 121, 120, 1000, 2])
    write_pickled(tmp_path / "val_data", images[:2], [120, 500])
    loaded = data.load_images(tmp_path)
    assert loaded.name == "imagenet16-120"
    assert (loaded.num_classes, loaded.resolution) == (120, 16)
    assert loaded.images["train"].labels.tolist() == [0, 119, 1]
    assert torch.equal(loaded.images["train"].images, torch.from_numpy(images[[0, 2, 4]]))
    assert loaded.images["test"].labels.tolist() == [119]
    with pytest.raises(UserError) as error:  # as if these were all the published images
        ImageNet16(120, train=30, test=1).read(_all_imagenet_batches(tmp_path))
    assert one_line(error, "train_data_batch_1", "MD5")
    write_pickled(tmp_path / "val_data", images[:2], [0, 1])
    with pytest.raises(UserError, match="label"):
        data.load_images(tmp_path)


def _all_imagenet_batches(folder):
    for number in range(1, 11):
        write_pickled(folder / f"train_data_batch_{number}", random_images(3, side=16), [1, 2, 3])
    return folder


@pytest.mark.parametrize("compressed", [False, True])
def test_idx(tmp_path, compressed):
    suffix = ".gz" if compressed else ""
    train, test = random_images(6, 1, 28)[:, 0], random_images(3, 1, 28)[:, 0]
    for name, array in [
        ("train-images-idx3-ubyte", train),
        ("train-labels-idx1-ubyte", np.array([0, 1, 2, 0, 1, 2], np.uint8)),
        ("t10k-images-idx3-ubyte", test),
        ("t10k-labels-idx1-ubyte", np.array([2, 2, 0], np.uint8)),
    ]:
        write_idx(tmp_path / f"{name}{suffix}", array, compressed=compressed)
    loaded = data.load_images("fashion-mnist", tmp_path)
    assert torch.equal(loaded.images["train"].images[:, 0], torch.from_numpy(train))
    assert torch.equal(loaded.images["test"].images[:, 0], torch.from_numpy(test))
    assert loaded.images["test"].labels.tolist() == [2, 2, 0]
    assert (loaded.channels, loaded.num_classes, loaded.augmentation.flip) == (1, 3, True)
    assert "6 of 60,000" in loaded.note
    assert not data.load_images(tmp_path).augmentation.flip  # the folder does not say that these are clothes

    labels = tmp_path / f"t10k-labels-idx1-ubyte{suffix}"
    write_idx(labels, np.array([3, 2, 0], np.uint8), compressed=compressed)
    with pytest.raises(UserError) as error:
        IDX.read(tmp_path)
    assert one_line(error, labels, "label 3")
    write_idx(labels, np.array([2, 0], np.uint8), compressed=compressed)
    with pytest.raises(UserError, match="2 labels for 3 images"):
        IDX.read(tmp_path)
    labels.write_bytes(labels.read_bytes()[:-1])
    with pytest.raises(UserError) as error:
        IDX.read(tmp_path)
    assert one_line(error, labels, "fetch it again")


def write_images(folder, names, size=(6, 6), mode="RGB", count=5):
    for label, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            colour = 10 * index + label if mode == "L" else (10 * index, 100 * label, 7)
            Image.new(mode, size, colour).save(folder / name / f"{index}.png")


def test_image_folder_with_test_images(tmp_path):
    write_images(tmp_path / "train", ["cat", "ant"])
    write_images(tmp_path / "test", ["ant"], count=2)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    loaded = data.load_images(tmp_path)
    assert loaded.classes == ("ant", "cat")
    assert (loaded.count("train"), loaded.count("test")) == (10, 2)
    assert (loaded.resolution, loaded.channels) == (6, 3)
    assert loaded.images["train"].labels.tolist() == [0] * 5 + [1] * 5
    assert loaded.images["train"].images[7, :, 0, 0].tolist() == [20, 0, 7]  # the cats were written first
    assert loaded.name == tmp_path.name


def test_image_folder_without_test_images_is_split_in_balance(tmp_path):
    write_images(tmp_path, ["a", "b", "c"], mode="L", count=10)
    loaded, again = data.load_images(tmp_path), data.load_images(tmp_path)
    assert loaded.channels == 1
    assert loaded.images["train"].labels.bincount().tolist() == [8, 8, 8]
    assert loaded.images["test"].labels.bincount().tolist() == [2, 2, 2]
    assert torch.equal(loaded.images["train"].images, again.images["train"].images)
    values = torch.cat([loaded.images["train"].images, loaded.images["test"].images])[:, 0, 0, 0]
    assert len(values.unique()) == 30


def test_image_folder_errors(tmp_path):
    write_images(tmp_path, ["a"])
    with pytest.raises(UserError, match="one class"):
        data.load_images(tmp_path)
    write_images(tmp_path, ["b"], size=(8, 4))
    with pytest.raises(UserError) as error:
        data.load_images(tmp_path)
    assert one_line(error, tmp_path / "b", "8x4", "resolution")
    for resolution in (4, 5, 8):
        assert data.load_images(tmp_path, resolution=resolution).resolution == resolution


def test_npz(tmp_path):
    file = tmp_path / "shapes.npz"
    images = random_images(6, side=5)
    labels = np.array([0, 1, 2, 0, 1, 2])
    for given_images in (images, images.transpose(0, 2, 3, 1)):
        np.savez(file, x_train=given_images, y_train=labels[:, None], x_test=given_images[:2], y_test=labels[:2])
        loaded = data.load_images(file)
        assert torch.equal(loaded.images["train"].images, torch.from_numpy(images))
        assert loaded.images["train"].labels.tolist() == labels.tolist()
        assert (loaded.name, len(loaded.images["test"]), loaded.num_classes) == ("shapes", 2, 3)
    np.savez(file, x_train=images[:, 0], y_train=labels)
    assert data.load_images(file).parts == ("train",)
    assert data.load_images(file).channels == 1


@pytest.mark.parametrize(
    ("arrays", "wanted"),
    [
        ({"x_train": np.zeros((4, 5, 5), np.uint8)}, "y_train"),
        ({"x_train": np.zeros((4, 5, 5, 2), np.uint8), "y_train": np.arange(4)}, "uint8"),
        ({"x_train": np.full((4, 5, 5), -0.1), "y_train": np.arange(4)}, "numbers from -0.1 to -0.1"),
        ({"x_train": np.full((4, 5, 5), 256.0), "y_train": np.arange(4)}, "numbers from 256 to 256"),
        ({"x_train": np.full((4, 5, 5), np.nan), "y_train": np.arange(4)}, "numbers from nan"),
        ({"x_train": np.full((4, 5, 5), 65_536), "y_train": np.arange(4)}, "numbers from 65536"),
        ({"x_train": np.full((4, 5, 5), "white"), "y_train": np.arange(4)}, "hold no numbers"),
        ({"x_train": np.zeros((4, 5, 5), np.uint8), "y_train": np.arange(4.0)}, "wanted whole numbers or names"),
        ({"x_train": np.zeros((4, 5, 5), np.uint8), "y_train": np.arange(3)}, "whole numbers [4]"),
        ({"x_train": np.zeros((4, 5, 5), np.uint8), "y_train": np.array([0, 1, 2, -1])}, "label -1"),
        ({"x_train": np.zeros((4, 5, 5), np.uint8), "y_train": np.array([0, 1, 2, 10**12])}, "label 1000000000000"),
        ({"x_train": np.zeros((4, 5, 5), np.uint8), "y_train": np.zeros(4, int)}, "one class"),
        ({"x_train": np.zeros((4, 5, 6), np.uint8), "y_train": np.arange(4)}, "resolution"),
        ({"x_train": np.zeros((4, 5, 5), np.uint8), "y_train": np.array([0, 1, 2, None])}, "plain arrays"),
    ],
)
def test_npz_errors(tmp_path, arrays, wanted):
    file = tmp_path / "mine.npz"
    np.savez(file, **arrays)
    with pytest.raises(UserError) as error:
        data.load_images(file)
    assert one_line(error, "mine", wanted)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    noise=st.binary(max_size=300), start=st.sampled_from([b"", b"\x00\x00\x08\x01", b"\x00\x00\x08\x03", b"\x80\x02}"])
)
def test_no_bytes_crash_a_reader(tmp_path, noise, start):
    noise = start + noise
    files = [
        (CIFAR10, "data_batch_1.bin", "test_batch.bin"),
        (CIFAR10, "data_batch_1", "test_batch"),
        (IDX, "train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        (IDX, "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        (ImageNet16(120, 1, 1), "train_data_batch_1", "val_data"),
    ]
    for number, (reader, *names) in enumerate(files):
        folder = tmp_path / str(number)
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes(noise)
        with pytest.raises(UserError) as error:
            reader.read(folder)
        assert one_line(error, folder)
    (tmp_path / "x.npz").write_bytes(noise)
    with pytest.raises(UserError) as error:
        npz.read(tmp_path / "x.npz")
    assert one_line(error, "x.npz")


@pytest.mark.skipif(not SUBSET.is_dir(), reason=f"there is no CIFAR-10 subset in {SUBSET}")
def test_subset_of_cifar10_loads_by_name_and_by_path():
    by_name, by_path = data.load_images("cifar10", SUBSET, train_size=1_000), data.load_images(SUBSET)
    assert (len(by_path.images["train"]), len(by_path.images["test"]), by_path.resolution) == (20_000, 5_000, 32)
    assert by_path.name == by_name.name == "cifar10"
    assert by_path.classes[5] == "dog"
    assert by_path.images["test"].labels.bincount().tolist() == [500] * 10
    assert by_name.images["train"].labels.bincount().tolist() == [100] * 10
    assert "20,000 of 50,000" in by_name.note
    means, stds = data.moments(by_path.images["train"])
    assert means == pytest.approx(by_path.mean, abs=0.01)  # the published constants are those of all training images
    assert stds == pytest.approx(by_path.std, abs=0.01)
