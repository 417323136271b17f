"""Folders of photographs as they are: which files are read, which way up, at what size, what is said of the rest."""

import io
import os
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image, ImageFile, ImageOps
from typer.testing import CliRunner

from supernas import data
from supernas.cli.app import app
from supernas.core import memory
from supernas.core.errors import UserError
from supernas.core.spelling import at_command_line
from supernas.data.formats import image_file, image_files
from supernas.data.formats.image_file import MOST_PIXELS, BrokenImageError, header, pixels

ORIENTATION = 0x0112
STORED = {  # how an upright image lies in a file of each orientation (EXIF 2.3, section 4.6.4)
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, 1),
    7: lambda image: image[::-1, ::-1].transpose(1, 0, 2),
    8: lambda image: np.rot90(image, -1),
}


def noise(seed=0, height=6, width=6):
    return np.random.default_rng(seed).integers(256, size=(height, width, 3), dtype=np.uint8)


PNG, JPEG, GIF, TIFF, WEBP, BMP = (io.BytesIO() for _ in range(6))
for file, kind in ((PNG, "PNG"), (JPEG, "JPEG"), (GIF, "GIF"), (TIFF, "TIFF"), (WEBP, "WEBP"), (BMP, "BMP")):
    Image.fromarray(noise()).save(file, kind)


def save(image, path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(np.ascontiguousarray(image))).save(path, **options)


def write(folder, names, count=5, size=(6, 6)):
    for label, name in enumerate(names):
        for number in range(count):
            save(noise(10 * label + number, *size[::-1]), folder / name / f"{number}.png")


def refusal(folder, **options):
    with pytest.raises(UserError) as error:
        data.load_images(folder, **options)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


# --- one file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("tif", {}), ("webp", {"lossless": True})])
def test_images_are_turned_upright(tmp_path, orientation, suffix, options):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"x.{suffix}"
    save(STORED[orientation](noise()), path, exif=exif, **options)
    assert np.array_equal(pixels(path, grey=False, side=6), noise())


def test_the_central_square_is_averaged_down_or_enlarged(tmp_path):
    wide = np.zeros((4, 12, 3), np.uint8)
    wide[:, 4:8] = noise(0, 4, 4)
    save(wide, tmp_path / "wide.png")
    small = pixels(tmp_path / "wide.png", grey=False, side=2)
    areas = noise(0, 4, 4).reshape(2, 2, 2, 2, 3).mean((1, 3))
    assert np.abs(small - areas).max() < 1  # rows and columns are rounded one after the other
    large = pixels(tmp_path / "wide.png", grey=False, side=8)
    expected = ImageOps.fit(Image.fromarray(wide), (8, 8), Image.Resampling.BILINEAR)
    assert np.array_equal(large, np.asarray(expected))


def test_sixteen_bits_and_fractions_become_bytes(tmp_path):
    grey = noise()[:, :, 0]
    save(grey.astype(np.uint16) * 257, tmp_path / "deep.png")
    save(grey.astype(np.uint16) * 257 + 100, tmp_path / "between.tif")  # rounds down, and 255 stays
    save(grey.astype(np.float32) / 255, tmp_path / "fraction.tif")
    save(grey.astype(np.int32) * 257, tmp_path / "long.tif")
    for name in ("deep.png", "fraction.tif", "long.tif"):
        assert header(tmp_path / name).grey
        assert np.array_equal(pixels(tmp_path / name, grey=True, side=6)[:, :, 0], grey), name
        assert np.array_equal(pixels(tmp_path / name, grey=False, side=6), np.stack([grey] * 3, 2)), name
    save(np.full((6, 6), 1.5, np.float32), tmp_path / "bright.tif")
    save(np.full((6, 6), np.nan, np.float32), tmp_path / "nan.tif")
    save(np.full((6, 6), 70_000, np.int32), tmp_path / "longer.tif")
    for name, why in (("bright.tif", "between 0 and 1"), ("nan.tif", "between 0 and 1"), ("longer.tif", "16 bits")):
        with pytest.raises(BrokenImageError, match=why):
            pixels(tmp_path / name, grey=True, side=6)


def test_only_named_decoders_see_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("started another program"))
    write(tmp_path, ["a", "b"])
    for number, suffix in enumerate(("png", "jpg", "tif")):
        save(noise(), tmp_path / "a" / "drawing.eps")
        (tmp_path / "a" / "drawing.eps").rename(tmp_path / "a" / f"x{number}.{suffix}")
    save(noise(), tmp_path / "b" / "x.ico")
    (tmp_path / "b" / "x.ico").rename(tmp_path / "b" / "x.png")
    message = refusal(tmp_path)
    assert message.startswith("4 of 14 images cannot be read: ")
    assert message.count("no image of a kind that is read") == 4


@pytest.mark.parametrize("side", [9_000, 14_000])  # the second is beyond pillow's own bound
def test_too_many_pixels_are_refused_undecoded(tmp_path, monkeypatch, side):
    write(tmp_path, ["a", "b"])
    whole = PNG.getvalue()
    start = whole[:12] + b"IHDR" + struct.pack(">2I", side, side) + whole[24:29]
    bomb = tmp_path / "a" / "bomb.png"
    bomb.write_bytes(start + struct.pack(">I", zlib.crc32(start[12:])) + whole[33:])
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda image: pytest.fail("decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BrokenImageError, match=f"more than {MOST_PIXELS:,}"):
            header(bomb)
    monkeypatch.undo()
    assert f"{bomb} (" in refusal(tmp_path)


def test_what_takes_more_memory_may_have_half_the_pixels(tmp_path, monkeypatch):
    monkeypatch.setattr(image_file, "MOST_PIXELS", 40)
    save(noise(), tmp_path / "x.webp")
    save(np.zeros((6, 6), np.float32), tmp_path / "x.tif")
    save(noise(), tmp_path / "x.png")
    assert header(tmp_path / "x.png").size == (6, 6)
    for name in ("x.webp", "x.tif"):
        with pytest.raises(BrokenImageError, match="36 pixels, more than 20"):
            header(tmp_path / name)


def test_large_images_need_a_resolution_and_all_of_them_room(tmp_path, monkeypatch):
    for name in ("a", "b"):
        save(Image.new("1", (1_200, 1_200)), tmp_path / name / "x.png")
        save(Image.new("1", (1_200, 1_200)), tmp_path / name / "y.png")
    assert "wanted 1,024 pixels a side or less: give resolution=32" in refusal(tmp_path)
    assert data.load_images(tmp_path, resolution=30).input_shape == (1, 30, 30)
    monkeypatch.setattr(memory, "free_memory", lambda: 2 * 4 * 1_200**2 - 1)
    monkeypatch.setattr(image_files, "pixels", lambda *_: pytest.fail("decoded"))
    message = refusal(tmp_path, resolution=1_200)
    assert "4 images of 1200x1200 pixels need about 0.0 GB" in message
    assert "give a smaller resolution" in message


def test_memory_that_is_free():
    free = memory.free_memory()
    assert free is None or free > 1 << 20
    memory.check_memory(1, "bytes", "")


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.sampled_from([b"", *(file.getvalue() for file in (PNG, JPEG, GIF, TIFF, WEBP, BMP))]),
    cut=st.integers(0, 400),
    noise=st.binary(max_size=40),
    place=st.integers(0, 400),
)
def test_any_bytes_are_an_image_or_broken(tmp_path, start, cut, noise, place):
    damaged = bytearray(start[: len(start) - cut] if cut < len(start) else start)
    damaged[place : place + len(noise)] = noise
    path = tmp_path / "x.png"
    path.write_bytes(damaged)
    try:
        header(path)
        made = pixels(path, grey=False, side=5)
    except BrokenImageError as error:
        assert str(error)  # noqa: PT017 - either will do
    else:
        assert made.shape == (5, 5, 3)


# --- a folder -------------------------------------------------------------------------------------------------------


def test_hidden_files_and_folders_are_not_looked_at(tmp_path):
    write(tmp_path, ["cat", "dog", ".ipynb_checkpoints", "__MACOSX", "@eaDir"])
    write(tmp_path / "cat", [".thumbnails"])
    save(noise(), tmp_path / "dog" / "._0.png")
    loaded = data.load_images(tmp_path)
    assert loaded.classes == ("cat", "dog")
    assert loaded.count("train") + loaded.count("test") == 10
    assert loaded.note == ""


@pytest.mark.parametrize("names", [("train", "test", "val"), ("Training", "Testing", "Validation")])
def test_a_third_part_is_said_to_be_unused(tmp_path, names):
    train, test, val = names
    for part, count in ((train, 4), (test, 2), (val, 3)):
        write(tmp_path / part, ["cat", "dog"], count)
    loaded = data.load_images(tmp_path)
    assert (loaded.count("train"), loaded.count("test")) == (8, 4)
    assert f"{tmp_path / val} (6 images) is not used" in loaded.note


def test_val_is_the_test_part_where_there_is_no_other(tmp_path):
    for part, count in (("train", 4), ("val", 3)):
        write(tmp_path / part, ["cat", "dog"], count)
    loaded = data.load_images(tmp_path)
    assert (loaded.count("test"), loaded.note) == (6, "")


def test_folders_within_a_class_folder_count_for_the_class(tmp_path):
    write(tmp_path / "train", ["cat/tabby", "cat/grey/light", "dog"], count=2)
    write(tmp_path / "test", ["cat/tabby", "dog"], count=1)
    loaded = data.load_images(tmp_path)
    assert loaded.classes == ("cat", "dog")
    assert loaded.images["train"].labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert "folders within a class folder count for the class: cat/grey, cat/tabby" in loaded.note


def test_what_is_not_read_is_said(tmp_path):
    write(tmp_path, ["cat", "dog"])
    save(noise(), tmp_path / "loose.png")
    (tmp_path / "cat" / "phone.HEIC").touch()
    (tmp_path / "bird").mkdir()
    note = data.load_images(tmp_path).note
    assert "in no class folder are not used: loose.png" in note
    assert "without images that are read: bird" in note
    assert ".heic" in note


def test_parts_are_not_taken_for_classes(tmp_path):
    write(tmp_path, ["train", "test"])
    assert "no class folders in a folder `train`" in refusal(tmp_path)
    write(tmp_path, ["bus"])
    assert data.load_images(tmp_path).classes == ("bus", "test", "train")  # one may look for trains


def test_a_folder_around_the_data_set_is_seen_through(tmp_path):
    write(tmp_path / "photos", ["cat", "dog"])
    assert f"did you mean {tmp_path / 'photos'}?" in refusal(tmp_path)


def test_mixed_sizes_need_one_flag(tmp_path):
    write(tmp_path, ["cat"], size=(9, 7))
    write(tmp_path, ["dog"], size=(40, 30))
    message = refusal(tmp_path)
    assert "is 9x7 pixels" in message
    assert "is 40x30 pixels; wanted squares of one size: give resolution=4" in message
    for resolution in (4, 8, 16, 50):
        assert data.load_images(tmp_path, resolution=resolution).input_shape == (3, resolution, resolution)


def test_squares_of_one_size_are_never_enlarged(tmp_path):
    write(tmp_path, ["cat", "dog"])
    assert data.load_images(tmp_path, resolution=8).resolution == 6
    assert data.load_images(tmp_path, resolution=5).resolution == 5


def test_all_broken_files_are_named_at_once_or_skipped(tmp_path):
    write(tmp_path, ["cat", "dog"], count=10)
    cut, empty, text = tmp_path / "cat" / "3.png", tmp_path / "cat" / "4.png", tmp_path / "dog" / "5.png"
    cut.write_bytes(cut.read_bytes()[:-60])  # its header is whole
    empty.write_bytes(b"")
    text.write_text("<html>not found</html>")
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    message = refusal(tmp_path)
    assert message.startswith("4 of 21 images cannot be read: ")
    assert all(str(path) in message for path in (cut, empty, text, tmp_path / "dog" / "gone.png"))
    assert "data.broken=skip" in message
    loaded = data.load_images(tmp_path, broken="skip")
    assert loaded.count("train") + loaded.count("test") == 17
    assert loaded.note.startswith("4 of 21 images cannot be read: ")
    labels = torch.cat([part.labels for part in loaded.images.values()])
    assert labels.bincount().tolist() == [8, 9]
    for path in (tmp_path / "dog").iterdir():
        path.unlink()
        path.write_text("broken")
    assert "no image of class dog can be read" in refusal(tmp_path, broken="skip")
    for path in (tmp_path / "cat").iterdir():
        path.write_text("broken")
    assert "no other image is left" in refusal(tmp_path, broken="skip")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    write(tmp_path, ["cat", "dog"])
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    assert f"{tmp_path / 'cat' / 'pipe.png'} (no file)" in refusal(tmp_path)


def test_a_name_with_a_line_break_stays_in_one_line(tmp_path):
    write(tmp_path, ["cat", "dog"])
    Path(tmp_path / "cat" / "a\nb\x1b[31m.png").write_bytes(b"")
    assert "a?b?[31m.png" in refusal(tmp_path)


# --- paths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["./nothere", "nothere/", "../nothere", "nothere.zip", "~/nothere", "~no-one/nothere", "a/../nothere"]
)
@pytest.mark.parametrize(("load", "form"), [(data.load_images, "file or folder"), (data.load_text, "folder")])
def test_a_missing_path_is_said_as_it_was_typed(tmp_path, monkeypatch, name, load, form):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as error:
        load(name)
    assert str(error.value).startswith(f"there is no {form} {name}; ")


def test_a_path_may_begin_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "photos", ["cat", "dog"])
    assert data.load_images("~/photos").name == data.load_images("photos", "~").name == "photos"


def test_an_impossible_path_is_refused():
    assert "File name too long" in refusal("x" * 5_000)


@pytest.mark.parametrize("command", ["search", "train", "score"])
def test_the_flag_that_messages_name_is_there(tmp_path, command):
    write(tmp_path / "photos", ["cat"], size=(9, 7))
    write(tmp_path / "photos", ["dog"], size=(40, 30))
    what = {
        "search": ["--method", "random-nas", "--epochs", "1", "--set", "method.candidates=2"],
        "train": ["3", "--epochs", "1"],
        "score": ["3", "--workers", "1", "--batch-size", "4"],
    }
    arguments = [command, *what[command], "--out", str(tmp_path / "out"), "--data", str(tmp_path / "photos")]
    with at_command_line():
        refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, UserError)
    flag = re.search(r"--resolution \d+", str(refused.exception))[0]
    done = CliRunner().invoke(app, [*arguments, *flag.split()])
    assert done.exit_code == 0, done.output
