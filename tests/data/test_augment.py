"""Batched augmentation against its slow twin, image by image."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from supernas import data
from supernas.data.augment import Augmentation, blank_square, cut_out, draw_variation, flip_and_crop, window


def slow_window(images, top, left, mirrored, padding):
    outputs = []
    for image, row, column, mirror in zip(images, top.tolist(), left.tolist(), mirrored.tolist(), strict=True):
        image = image.flip(-1) if mirror else image
        padded = F.pad(image, (padding,) * 4)
        outputs.append(padded[:, row : row + image.shape[1], column : column + image.shape[2]])
    return torch.stack(outputs)


def slow_square(images, top, left, size):
    images = images.clone()
    for image, row, column in zip(images, top.tolist(), left.tolist(), strict=True):
        image[:, max(row, 0) : max(row + size, 0), max(column, 0) : max(column + size, 0)] = 0
    return images


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
    padding=st.integers(0, 4),
    seed=st.integers(0, 1000),
    channels_last=st.booleans(),
    dtype=st.sampled_from([torch.uint8, torch.float32]),
)
def test_window_equals_its_slow_twin(shape, padding, seed, channels_last, dtype):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(1, 256, shape, generator=generator).to(dtype)
    if channels_last:
        images = images.to(memory_format=torch.channels_last)
    top, left = torch.randint(2 * padding + 1, (2, shape[0]), generator=generator)
    mirrored = torch.randint(2, (shape[0],), generator=generator).bool()
    fast = window(images, top, left, mirrored, padding)
    assert fast.dtype == dtype
    assert torch.equal(fast, slow_window(images, top, left, mirrored, padding))


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 9), seed=st.integers(0, 1000))
def test_blank_square_equals_its_slow_twin(size, seed):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(4, 2, 6, 5, generator=generator)
    top, left = torch.randint(-9, 9, (2, 4), generator=generator)
    assert torch.equal(blank_square(images, top, left, size), slow_square(images, top, left, size))


def test_each_image_draws_every_place_and_both_sides_equally():
    padding, count = 1, 18_000
    pixels = torch.arange(1, 10, dtype=torch.uint8).view(1, 1, 3, 3)  # the 18 outcomes all differ
    images = pixels.expand(count, 1, 3, 3)
    augmentation = Augmentation(flip=True, crop_padding=padding)
    variation = draw_variation(count, 3, 3, augmentation, torch.Generator().manual_seed(0))
    drawn = flip_and_crop(images, variation, padding)
    outcomes, counts = drawn.flatten(1).unique(dim=0, return_counts=True)
    assert len(outcomes) == 18
    assert (counts - 1000).abs().max() < 5 * 31  # five standard deviations of a binomial(18000, 1/18)


def test_cutout_centres_are_uniform_and_the_square_has_its_size():
    images = torch.ones(9_000, 1, 6, 6)
    variation = draw_variation(9_000, 6, 6, Augmentation(cutout=2), torch.Generator().manual_seed(0))
    drawn = cut_out(images, variation, 2)
    blanked = (drawn == 0).flatten(1).sum(1)
    # centre row 0 leaves one row of the square inside, every other row leaves two; columns likewise
    shares = [(blanked == size).float().mean().item() for size in (1, 2, 4)]
    assert shares == pytest.approx([1 / 36, 10 / 36, 25 / 36], abs=0.025)
    assert images.min() == 1  # the input is left alone


def test_settings_off_draw_nothing():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    images = torch.ones(2, 1, 3, 3)
    variation = draw_variation(2, 3, 3, Augmentation(), generator)
    assert cut_out(flip_and_crop(images, variation, 0), variation, 0) is images
    assert torch.equal(generator.get_state(), before)


def test_ranges_and_names_are_checked():
    with pytest.raises(ValidationError):
        Augmentation(crop_padding=-1)
    with pytest.raises(ValidationError):
        Augmentation(mirror=True)


def test_digits_are_never_mirrored():
    assert data.load_images("digits").augmentation == Augmentation(flip=False, crop_padding=1)
    given = Augmentation(cutout=3, crop_padding=0)
    varied = data.load_images("digits", augmentation=given).augmentation
    assert varied == Augmentation(flip=False, crop_padding=0, cutout=3)
