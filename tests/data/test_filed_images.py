"""Images that stay in their files give the batches of those that are held, bit for bit, whoever reads them."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from supernas.core.errors import UserError
from supernas.data import load_images
from supernas.data.filed_images import FiledImages
from supernas.data.formats import image_files

CLASSES = ("n01440764", "n01443537", "n01484850")


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A folder in ImageNet's layout: `train` and `val`, a folder for each class, photographs of several sizes."""
    root, generator = tmp_path_factory.mktemp("imagenet"), np.random.default_rng(0)
    for part, count in (("train", 24), ("val", 6)):
        for number in range(count):
            name = CLASSES[number % len(CLASSES)]
            folder = root / part / name
            folder.mkdir(parents=True, exist_ok=True)
            pixels = generator.integers(0, 256, (20 + number % 3, 18 + number % 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}_{number}.JPEG")
    return root


def loaded(folder, memory, workers=0):
    return load_images(folder, resolution=16, memory=memory, workers=workers)


def stream(data, seed=3):
    return data.stream("train", 5, seed, torch.device("cpu"))


def same(first, second):
    return torch.equal(first.inputs, second.inputs) and torch.equal(first.targets, second.targets)


def test_batches_are_those_of_held_images(imagenet):
    held, filed = (loaded(imagenet, memory).for_search(0, None) for memory in ("hold", "stream"))
    assert isinstance(filed.images["train"], FiledImages)
    assert (filed.mean, filed.std) == (held.mean, held.std)
    assert filed.classes == CLASSES
    pairs = zip(stream(held), (batch for batch, _ in zip(stream(filed), range(7), strict=False)), strict=False)
    assert all(same(*pair) for pair in pairs)
    device = torch.device("cpu")
    for limit in (None, 4):
        judged = zip(*(data.batches("valid", device, limit) for data in (held, filed)), strict=True)
        assert all(same(*pair) for pair in judged)
    assert same(held.first("valid", 3, device), filed.first("valid", 3, device))


@pytest.mark.parametrize("steps", [0, 3, 4, 6])  # of passes of four batches
def test_processes_read_ahead_and_a_stream_goes_on_bit_for_bit(imagenet, steps):
    before = torch.get_rng_state()
    original = stream(loaded(imagenet, "stream", workers=2))
    for _ in range(steps):
        next(original)
    file = io.BytesIO()
    torch.save(original.state_dict(), file)
    file.seek(0)
    expected = [next(original) for _ in range(6)]
    resumed = stream(loaded(imagenet, "stream"), seed=9)
    next(resumed)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert all(same(batch, next(resumed)) for batch in expected)
    assert torch.equal(before, torch.get_rng_state())


def test_auto_holds_what_fits(imagenet, monkeypatch):
    assert not isinstance(loaded(imagenet, "auto").images["train"], FiledImages)
    monkeypatch.setattr(image_files, "free_memory", lambda: 1000)
    data = loaded(imagenet, "auto")
    assert isinstance(data.images["train"], FiledImages)
    assert "do not fit into memory" in data.note


def test_data_are_told_apart_by_names_sizes_and_labels(imagenet, tmp_path):
    whole = loaded(imagenet, "stream")
    assert whole.digest == loaded(imagenet, "stream").digest
    assert whole.digest != whole.for_search(0, None).digest
    assert whole.for_search(0, None).digest != whole.for_search(1, None).digest


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_that_is_damaged_meanwhile_is_named(tmp_path, workers):
    for number in range(8):
        folder = tmp_path / "photographs" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    data = load_images(tmp_path / "photographs", memory="stream", workers=workers)
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(file.read_bytes()[:100])
    batches = stream(data)
    with pytest.raises(UserError, match=r"\.png cannot be read \(damaged"):
        [next(batches) for _ in range(4)]


def test_only_image_files_stream():
    with pytest.raises(UserError, match="digits is no folder of image files"):
        load_images("digits", memory="stream")
