"""Compressed files and archives give what they should hold, and no more: not of memory, and not of places."""

import bz2
import gzip
import io
import os
import struct
import tarfile
import threading
import tracemalloc
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from supernas.benchmarks import import_table
from supernas.core.errors import UserError
from supernas.core.stored import check_stored
from supernas.data.archives import Untar, unpack_tar
from supernas.data.download import retrieve
from supernas.data.formats import npz
from supernas.data.formats.idx import parse
from supernas.data.packed import check_claim, unpacked_bz2, unpacked_gzip
from supernas.runs.checkpoint import load_checkpoint

MANY = 1 << 28  # bytes that a bomb unpacks to


def peak(call):
    """The most memory that was asked for, in bytes, while the call was refused; and why it was."""
    tracemalloc.start()
    with pytest.raises(UserError) as refused:
        call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "\n" not in str(refused.value)
    return most, str(refused.value)


@pytest.fixture(scope="module")
def zeros():
    return bytes(MANY)


@pytest.mark.parametrize(("unpack", "pack"), [(unpacked_gzip, gzip.compress), (unpacked_bz2, bz2.compress)])
def test_what_is_unpacked_ends_at_the_limit(unpack, pack, zeros, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(pack(b"content") + pack(b" and more"))  # both formats allow several parts
    assert unpack(path, 16) == b"content and more"
    with pytest.raises(UserError, match="more than 15 bytes"):
        unpack(path, 15)
    path.write_bytes(pack(zeros))
    most, why = peak(lambda: unpack(path, 1 << 20))
    assert most < 1 << 24
    assert "unpacks to more than 1,048,576 bytes" in why
    for broken in (b"nothing packed", pack(b"content" * 99)[:-9]):
        path.write_bytes(broken)
        with pytest.raises(UserError, match="cannot be unpacked"):
            unpack(path, 1000)


def idx(shape, content):
    return bytes((0, 0, 8, len(shape))) + struct.pack(f">{len(shape)}I", *shape) + content


def test_an_idx_file_is_as_long_as_its_header_says(zeros, tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx((2, 2, 2), bytes(range(8)))))
    assert parse(path, 3).tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    path.write_bytes(gzip.compress(idx((2, 2, 2), zeros)))
    most, why = peak(lambda: parse(path, 3))
    assert most < 1 << 24
    assert "more than 24 bytes" in why
    path.write_bytes(gzip.compress(idx((MANY // 4, 2, 2), zeros)))
    most, why = peak(lambda: parse(path, 3))
    assert most < 1 << 24
    assert "claims to hold 268,435,472 bytes" in why


def test_an_npz_file_that_claims_too_much_is_not_read(zeros, tmp_path):
    path = tmp_path / "images.npz"
    images = np.frombuffer(zeros, np.uint8).reshape(-1, 64, 64)
    np.savez_compressed(path, x_train=images, y_train=np.arange(len(images)) % 2)
    most, why = peak(lambda: npz.read(path))
    assert most < 1 << 24
    assert "claims to hold" in why


def test_a_claim_beyond_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("supernas.core.memory.free_memory", lambda: 3 << 30)
    check_claim(tmp_path / "x", 1 << 30, 1 << 30)
    with pytest.raises(UserError, match=r"x need about 4.3 GB of memory, and 3.2 GB are free"):
        check_claim(tmp_path / "x", 2 << 30, 1 << 30)


@pytest.mark.parametrize("name", ["000000.pickle.pbz2", "meta.pickle.pbz2", "NATS-tss-v1_0-3ffb9.pickle.pbz2"])
def test_a_table_that_unpacks_to_too_much_is_refused(name, zeros, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "000000.pickle.pbz2").write_bytes(bz2.compress(b"N."))
    (tmp_path / "in" / name).write_bytes(bz2.compress(zeros))
    source = tmp_path / "in" / name if name.startswith("NATS") else tmp_path / "in"
    most, why = peak(lambda: import_table(source, tmp_path / "out.safetensors"))
    assert most < 1 << 26
    assert f"{tmp_path / 'in' / name} unpacks to more than 8,3" in why
    assert not (tmp_path / "out.safetensors").exists()


def packed_again(content, doubled=False):
    """An archive of PyTorch with compressed parts, or with a part that stands in it twice."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(written, "w") as after:
        for part in before.infolist():
            after.writestr(part.filename, before.read(part), None if doubled else zipfile.ZIP_DEFLATED)
        if doubled:
            after.filelist += after.filelist * 9
    return written.getvalue()


@pytest.mark.parametrize("doubled", [False, True], ids=["compressed", "shared"])
def test_a_checkpoint_or_table_of_pytorch_holds_no_more_than_its_size(doubled, tmp_path):
    written = io.BytesIO()
    torch.save({"lines": torch.zeros(1 << 20)}, written)
    check_stored(written)
    bomb = packed_again(written.getvalue(), doubled)
    with pytest.raises(ValueError, match="parts"):
        check_stored(io.BytesIO(bomb))
    (tmp_path / "checkpoint.pt").write_bytes(bomb)
    with pytest.raises(UserError, match="damaged, nothing to resume from"):
        load_checkpoint(tmp_path)
    (tmp_path / "NAS-Bench-201-v1_1-096897.pth").write_bytes(bomb)
    with pytest.raises(UserError, match="is refused"):
        import_table(tmp_path / "NAS-Bench-201-v1_1-096897.pth", tmp_path / "out.safetensors")


# -- archives ----------------------------------------------------------------------------------------------------------


def archive(path, *members, content=b"x", mode="w"):
    with tarfile.open(path, mode) as tar:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_plain_files_are_unpacked_with_their_content_alone(mode, tmp_path):
    program = tarfile.TarInfo("a/b/program")
    program.mode = 0o6777
    unpacked = tmp_path / "in"
    unpacked.mkdir()
    Untar(1 << 20)(str(archive(unpacked / "x.tar", special("a", tarfile.DIRTYPE), program, "./c", mode=mode)), "", None)
    assert (unpacked / "a" / "b" / "program").read_bytes() == (unpacked / "c").read_bytes() == b"x"
    assert (unpacked / "a" / "b" / "program").stat().st_mode & 0o7111 == 0


HOSTILE = [
    "/tmp/outside",
    "../outside",
    "a/../../outside",
    "..",
    "C:/outside",
    "..\\outside",
    special("link", tarfile.SYMTYPE, "/etc/passwd"),
    special("link", tarfile.SYMTYPE, "harmless"),
    special("link", tarfile.LNKTYPE, "harmless"),
    special("pipe", tarfile.FIFOTYPE),
    special("device", tarfile.CHRTYPE),
    special("device", tarfile.BLKTYPE),
    special("odd", b"Z"),
]


@pytest.mark.parametrize("member", HOSTILE, ids=lambda member: ascii(getattr(member, "name", member)))
def test_of_an_archive_with_one_bad_member_nothing_is_written(member, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = archive(tmp_path / "x.tar", "harmless", member)
    with pytest.raises(UserError, match="is refused"):
        unpack_tar(path, folder, 1 << 20)
    assert list(folder.iterdir()) == []
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "x.tar"]


def test_a_link_that_lay_there_is_replaced_and_not_followed(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.write_text("mine")
    (folder / "file").symlink_to(elsewhere)
    unpack_tar(archive(tmp_path / "x.tar", "file"), folder, 1 << 20)
    assert elsewhere.read_text() == "mine"
    assert (folder / "file").read_text() == "x"


def test_an_archive_is_bounded_in_bytes_and_in_members(zeros, tmp_path):
    large = archive(tmp_path / "x.tar.gz", "zeros", content=zeros, mode="w:gz")
    most, why = peak(lambda: unpack_tar(large, tmp_path, 1 << 20))
    assert most < 1 << 24
    assert "holds more than the 0.0 GB" in why
    many = archive(tmp_path / "y.tar.gz", *map(str, range(3000)), content=b"", mode="w:gz")
    with pytest.raises(UserError, match="holds more"):
        unpack_tar(many, tmp_path, 1 << 20)


@pytest.mark.parametrize("cut", [0.0, 0.3, 0.9])
def test_a_cut_archive_is_refused(cut, tmp_path):
    path = archive(tmp_path / "x.tar.gz", "a", content=os.urandom(9000), mode="w:gz")
    path.write_bytes(path.read_bytes()[: int(cut * path.stat().st_size)])
    with pytest.raises(UserError, match="damaged"):
        unpack_tar(path, tmp_path, 1 << 20)


def test_what_lies_behind_the_content_is_not_read(tmp_path):
    for unpack, pack in ((unpacked_gzip, gzip.compress), (unpacked_bz2, bz2.compress)):
        path = tmp_path / "file"
        path.write_bytes(pack(b"content"))
        with path.open("r+b") as file:
            file.truncate(64 << 30)  # takes no room on the disk, and minutes to read
        with pytest.raises(UserError, match="larger than all that it should hold"):
            unpack(path, 1000)


def test_a_part_of_an_archive_whose_checksum_is_another_is_refused():
    written = io.BytesIO()
    torch.save({"accuracy": [88.61]}, written)
    check_stored(written)
    content = bytearray(written.getvalue())
    content[content.index(b"accuracy")] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        check_stored(io.BytesIO(content))


@pytest.mark.parametrize("length", [True, False], ids=["said", "unsaid"])
def test_a_download_that_is_too_large_or_never_ends_is_broken_off(length, tmp_path):
    sent = []

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            if length:
                self.send_header("Content-Length", str(1 << 40))
            self.end_headers()
            while len(sent) < 1000:
                self.wfile.write(bytes(1 << 16))
                sent.append(1 << 16)

        def log_message(self, *about):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.handle_error = lambda *about: None  # the other side hangs up
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/x.tar"
    with pytest.raises(UserError, match=r"larger than the 0\.0 GB that it may have"):
        retrieve(url, "md5:0", tmp_path / "x.tar", 1 << 20, archive=True)
    server.shutdown()
    server.server_close()
    assert sum(sent) < 1 << 24
    assert list(tmp_path.iterdir()) == []
