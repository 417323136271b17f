"""What a run leaves says whether it is whole, and is read within its folder."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file

from supernas.core.errors import UserError
from supernas.core.files import environment, write_atomically
from supernas.core.records import (
    RESULT,
    RunRecord,
    check_files,
    digest_file,
    digests,
    read_lines,
    read_record,
    write_record,
)
from supernas.core.weights import read_weights

RUN = {"architecture": "a", "space": "s", "test_accuracy": 88.61, "history": ["a", "b"], "seconds": 3.5}


@pytest.fixture
def run(tmp_path):
    """A finished run folder of a few files."""
    (tmp_path / "config.json").write_text(json.dumps({"train": {"seed": 1, "device": "cpu"}, "data": {"size": 3}}))
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 0, "loss": 1.5, "seconds": 1.0}\n')
    save_file({"w": torch.arange(6.0)}, tmp_path / "weights.safetensors")
    write_record(tmp_path / RESULT, {**RUN, "files": digests(tmp_path)})
    return tmp_path


READERS = {
    RESULT: lambda path: read_record(path, RunRecord),
    "metrics.jsonl": read_lines,
    "weights.safetensors": read_weights,
}


@pytest.mark.parametrize("name", READERS)
def test_no_flipped_bit_is_taken_for_what_was_written(run, name):
    path = run / name
    whole = path.read_bytes()
    good = READERS[name](path)
    check_files(run, read_record(run / RESULT, RunRecord))
    for place in np.random.default_rng(0).choice(8 * len(whole), 150, replace=False):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        path.write_bytes(content)
        try:
            read = READERS[name](path)
        except UserError as error:
            said = str(error)
        else:  # how long a run took, or the name of the digest itself
            assert name != "weights.safetensors"
            assert counted(read, good) == counted(good, good)
            continue
        assert said.startswith(f"{path} is damaged")
        assert "\n" not in said


def counted(value, good):
    """What of a value has to be as it was written."""
    if isinstance(value, list):
        return [counted(one, other) for one, other in zip(value, good, strict=True)]
    return {name: value[name] for name in good if name not in ("seconds", "digest")}


def test_equal_runs_have_equal_digests(tmp_path):
    one = write_record(tmp_path / "a.json", {**RUN, "seconds": 1.0, "search": {"device": "cpu"}})
    other = write_record(tmp_path / "b.json", {**RUN, "seconds": 2.0, "search": {"device": "cuda"}})
    assert one["digest"] == other["digest"]
    assert one["digest"] != write_record(tmp_path / "c.json", {**RUN, "history": []})["digest"]
    assert read_record(tmp_path / "a.json", RunRecord) == one


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("architecture", 3),
        ("history", "abc"),
        ("history", [1]),
        ("seconds", "12"),
        ("seconds", float("nan")),
        ("earlier_versions", {}),
        ("versions", []),
        ("files", {"../x.json": "0"}),
        ("parameters", -1),
        ("truth", {"a": "b"}),
        ("metric", ["a"]),
        ("test_accuracy", 100.5),
        ("valid_accuracy", float("nan")),
        ("valid_perplexity", "low"),
    ],
)
def test_a_record_of_wrong_types_is_refused(tmp_path, entry, value):
    path = tmp_path / RESULT
    path.write_text(json.dumps({**RUN, entry: value}))
    with pytest.raises(UserError, match=f"result.json is damaged .*{entry}.*; remove it and resume") as caught:
        read_record(path, RunRecord)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b'{"a": 1'])
def test_what_is_no_record_is_refused(tmp_path, content):
    (tmp_path / RESULT).write_bytes(content)
    with pytest.raises(UserError, match="holds no JSON object"):
        read_record(tmp_path / RESULT, RunRecord)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_are_numbers(tmp_path, number):
    (tmp_path / "w.safetensors").write_bytes(save({"a": torch.ones(2), "b": torch.tensor([1.0, number])}))
    with pytest.raises(UserError, match="b has entries that are not finite"):
        read_weights(tmp_path / "w.safetensors")


def test_lines_end(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_lines(path) == []
    path.write_text('{"epoch": 0}\n{"epo')
    assert read_lines(path) == [{"epoch": 0}]
    for broken in ('{"epo\n{"epoch": 1}\n', "[]\n", "\n"):
        path.write_text('{"epoch": 0}\n' + broken)
        with pytest.raises(UserError, match="line 2 is no JSON object"):
            read_lines(path)


def test_links_and_other_things_are_not_read(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("dangling", RESULT):
        (tmp_path / "there" / name).symlink_to(tmp_path / "secret")
        with pytest.raises(UserError, match="leads out of its folder"):
            read_record(tmp_path / "there" / name, RunRecord)
    os.mkfifo(tmp_path / "fifo")
    for name in ("fifo", "there"):
        with pytest.raises(UserError, match=r"cannot read .*(no ordinary file|Is a directory)"):
            read_record(tmp_path / name, RunRecord)
    with pytest.raises(UserError, match="cannot read"):
        read_record(tmp_path / ("x" * 300), RunRecord)


def test_nothing_but_a_file_is_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "pipe", lambda file: file.write(b"x"))
    (tmp_path / "old").write_bytes(b"1")
    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "old", lambda file: 1 / 0, before=tmp_path / "older")
    assert {path.name for path in tmp_path.iterdir()} == {"pipe", "old"}
    write_atomically(tmp_path / "old", lambda file: file.write(b"2"), before=tmp_path / "older")
    assert ((tmp_path / "old").read_bytes(), (tmp_path / "older").read_bytes()) == (b"2", b"1")


def test_a_digest_leaves_out_only_its_own():
    model = {"digest": "a", "space": {"name": "model", "digest": "a"}}
    mine = digest_file("config.json", json.dumps(model).encode())
    assert digest_file("config.json", json.dumps({**model, "digest": "b"}).encode()) == mine
    other = {**model, "space": {"name": "model", "digest": "b"}}
    assert digest_file("config.json", json.dumps(other).encode()) != mine


def test_what_else_lies_in_a_folder_does_no_harm(tmp_path):
    (tmp_path / "notes.json").write_text("{mine")
    (tmp_path / "notes.jsonl").write_bytes(b"[" * 100_000)
    (tmp_path / "out.json").symlink_to("/dev/zero")
    (tmp_path / "folder.json").mkdir()
    for later in ("claim.json", "accuracies-batch-1a2b3c4d.jsonl", "derive-alpha-1a2b3c4d.svg"):
        (tmp_path / later).write_text("it grows")
    assert set(digests(tmp_path)) == {"notes.json", "notes.jsonl"}


def test_the_digest_covers_where_a_run_was(tmp_path):
    versions = environment(torch.device("cpu"))
    before = write_record(tmp_path / "a.json", {**RUN, "versions": versions})["digest"]
    for name in versions:
        other = write_record(tmp_path / "b.json", {**RUN, "versions": {**versions, name: "another"}})["digest"]
        assert other != before, name
