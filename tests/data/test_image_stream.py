"""Streams: what a pass holds, exact resumption, and normalisation."""

import io

import pytest
import torch

from supernas.core.errors import UserError
from supernas.data import Augmentation, ImageSet, ImageStream, image_batches

MEAN, STD = (0.2, 0.5, 0.4), (0.3, 0.1, 0.25)
FULL = Augmentation(flip=True, crop_padding=2, cutout=3)


def images(count=23, channels=3, side=8):
    generator = torch.Generator().manual_seed(count)
    pixels = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8, generator=generator)
    return ImageSet(pixels, torch.arange(count))


def stream(count=23, batch_size=5, augmentation=FULL, seed=1):
    return ImageStream(images(count), batch_size, mean=MEAN, std=STD, augmentation=augmentation, seed=seed)


def same(first, second):
    return torch.equal(first.inputs, second.inputs) and torch.equal(first.targets, second.targets)


@pytest.mark.parametrize("steps", [0, 2, 4, 7])  # before, within and at the end of a pass of four batches
def test_resumes_bit_for_bit(steps):
    original = stream()
    for _ in range(steps):
        next(original)
    file = io.BytesIO()
    torch.save(original.state_dict(), file)
    file.seek(0)
    expected = [next(original) for _ in range(9)]
    resumed = stream(seed=99)
    next(resumed)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert all(same(batch, next(resumed)) for batch in expected)


def test_a_pass_visits_each_image_once_in_a_new_order():
    batched = stream(count=24, batch_size=6)
    assert batched.steps_per_epoch == 4
    passes = [torch.cat([next(batched).targets for _ in range(4)]) for _ in range(2)]
    assert all(torch.equal(order.sort().values, torch.arange(24)) for order in passes)
    assert not torch.equal(*passes)


def test_the_last_part_is_left_out_and_all_images_are_one_batch_where_there_are_few():
    assert stream(count=21, batch_size=5).steps_per_epoch == 4
    even = stream(count=23, batch_size=5)  # of which three would be left out
    assert (even.steps_per_epoch, even.batch_size) == (5, 4)
    small = stream(count=3, batch_size=64)
    assert small.steps_per_epoch == 1
    assert sorted(next(small).targets.tolist()) == [0, 1, 2]


def test_seed_decides():
    assert same(next(stream(seed=4)), next(stream(seed=4)))
    assert not same(next(stream(seed=4)), next(stream(seed=5)))


def test_inputs_are_normalised_channels_last():
    given = images()
    expected = (given.images / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    batch = next(stream(augmentation=None))
    assert batch.inputs.dtype == torch.float32
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(batch.inputs, expected[batch.targets], rtol=1e-5, atol=1e-5)


def test_batches_keep_order_and_the_last_part():
    given = images()
    parts = list(image_batches(given, 10, mean=MEAN, std=STD))
    assert [len(part.targets) for part in parts] == [10, 10, 3]
    assert torch.equal(torch.cat([part.targets for part in parts]), given.labels)
    unvaried = {int(target): row for part in parts for row, target in zip(part.inputs, part.targets, strict=True)}
    drawn = next(stream(augmentation=None))
    assert all(torch.equal(row, unvaried[int(target)]) for row, target in zip(drawn.inputs, drawn.targets, strict=True))


def test_user_errors():
    with pytest.raises(UserError, match="batch size is 0"):
        stream(batch_size=0)
    with pytest.raises(UserError, match="23 images, this one 24"):
        stream(count=24).load_state_dict(stream(count=23).state_dict())
    with pytest.raises(UserError, match="3 channels"):
        ImageStream(images(), 5, mean=(0.5,), std=(0.5,))
