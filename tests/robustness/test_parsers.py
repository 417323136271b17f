"""Each reader of what a stranger wrote: any bytes and any documents are a right value or one line, in bounded time.

What the readers of images, arrays, pickles and pasted architectures make of any content is tested beside them.
"""

import io
import json
import random
import re
import tarfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from supernas import spaces
from supernas.api.given import read_count
from supernas.benchmarks import Column, load
from supernas.benchmarks.collect import Collector
from supernas.benchmarks.importers.csv_table import import_csv
from supernas.benchmarks.importers.official import add_architecture, check_order
from supernas.benchmarks.table import Source
from supernas.core.errors import UserError
from supernas.core.records import RESULT, Record, RunRecord, digests, read_lines, read_record, write_record
from supernas.core.settings import parse_value
from supernas.core.text import printable
from supernas.core.weights import read_weights
from supernas.data.archives import unpack_tar
from supernas.data.formats import text_folder
from supernas.evaluation.cache import cached
from supernas.output.report.run_page import picture
from supernas.runs.checkpoint import load_checkpoint, save_checkpoint
from supernas.runs.configuration import assign, read_file, resolve_search, resolve_train
from supernas.studies.plan import read_study

from .damage import ANY, DOCUMENT, PACKED, PLACES, TENSORS, TEXT, missing, other_archive

SECONDS = 20.0  # on a busy machine; each takes some milliseconds
SPACE = spaces.get("nas-bench-201")
COLUMN = Column("cifar10", "train", "valid", 12)
SEEDS = st.integers(0, 10**9)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@contextmanager
def one_line():
    """What is done in it succeeds, or is refused in one printable line; and neither takes long."""
    began, said = time.monotonic(), ""
    try:
        yield
    except UserError as error:
        said = str(error)
    assert said == one_line_of(said)
    assert len(said) < 5000
    assert time.monotonic() - began < SECONDS


def one_line_of(text: str) -> str:
    return printable(text).replace("\n", " ")


# -- files that supernas wrote: any damage is refused, or changes nothing ----------------------------------------------


def _run(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"train": {"epochs": 1}, "architecture": "6111"}))
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.5}\n{"epoch": 2, "loss": 1.25}\n')
    (folder / "tracked.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><text>88.61</text></svg>')
    save_file({"w": torch.arange(6.0), "n": torch.tensor(3)}, folder / "weights.safetensors")
    write_record(folder / RESULT, {"architecture": "a", "test_accuracy": 88.61, "files": digests(folder)})


def _table(folder: Path) -> None:
    with Collector("nas-bench-201", folder / "table.safetensors", curves=False) as collector:
        collector.accuracy(7, COLUMN, "mean", 61.5)
        collector.write(Source("made", "1", "0"))


def _checkpoint(folder: Path) -> None:
    tree = {"state": {"w": torch.arange(4.0)}, "generators": {}, "lines": ['{"epoch": 1}'], "environment": {}}
    save_checkpoint(folder, {**tree, "earlier": []})


def _values(found: Any) -> Any:
    """What can be compared."""
    if isinstance(found, torch.Tensor):
        return found.tolist()
    if isinstance(found, dict):
        return {name: _values(inner) for name, inner in found.items() if name != "digest"}
    return found


SEALED: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], tuple[Any, ...]]] = {
    RESULT: (_run, lambda path: read_record(path, RunRecord), DOCUMENT),
    "metrics.jsonl": (_run, read_lines, DOCUMENT),
    "tracked.svg": (_run, picture, TEXT),
    "weights.safetensors": (_run, read_weights, TENSORS),
    "table.safetensors": (_table, lambda path: load(path).query(7, **vars(COLUMN)), TENSORS),
    "checkpoint.pt": (_checkpoint, lambda path: load_checkpoint(path.parent)[0], PACKED),
}


@pytest.mark.parametrize("name", SEALED)
@given(seed=SEEDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_damaged_is_refused_or_says_the_same(name, tmp_path, seed):
    make, read, special = SEALED[name]
    generator = random.Random(seed)
    folder = tmp_path / str(seed) / "work"
    folder.mkdir(parents=True, exist_ok=True)
    (folder.parent / "outside").mkdir(exist_ok=True)
    make(folder)
    whole = _values(read(folder / name))
    content = [damage for damage in (*ANY, *special) if damage not in (*PLACES, missing)]
    generator.choice(content)(folder / name, generator)
    with one_line():
        found = _values(read(folder / name))
        assert found == whole or (name == "tracked.svg" and found is None and not (folder / name).read_bytes())


@given(noise=st.binary(max_size=80), kept=st.integers(0, 400), seed=SEEDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_archives_leave_nothing_outside(tmp_path, noise, kept, seed):
    folder = tmp_path / str(seed) / "work"
    (folder.parent / "outside").mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    path = folder / "x.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("x/a")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    if noise:
        path.write_bytes(path.read_bytes()[:kept] + noise + path.read_bytes()[kept + len(noise) :])
    else:
        other_archive(path, random.Random(seed))
    with one_line():
        unpack_tar(path, folder, 1 << 20)
    assert not list((folder.parent / "outside").iterdir())
    assert {place.name for place in folder.parent.iterdir()} == {"work", "outside"}


@given(
    st.lists(st.tuples(st.text(max_size=5), st.none() | st.floats(allow_nan=False)), max_size=4), st.binary(max_size=60)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_of_a_cache_are_those_that_were_written(tmp_path, pairs, noise):
    for old in tmp_path.iterdir():  # what the example before left
        old.unlink()
    with cached(tmp_path, "scores", {"about": 1}) as cache:
        for key, value in pairs:
            cache.add(key, value)
    with cache.path.open("ab") as file:
        file.write(b"\n" + noise + b'\n["x", 3.0, 12345]\n[[], {}, null]\n')
    with cached(tmp_path, "scores", {"about": 1}) as cache:
        assert cache.values == dict(pairs)


# -- records and documents ---------------------------------------------------------------------------------------------


def _kinds(kind: type[Record] = Record) -> list[type[Record]]:
    return [kind, *(inner for one in kind.__subclasses__() for inner in _kinds(one))]


@given(document=PLAIN)
@example({"files": {"../x": "0"}, "architecture": "a"})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_document_is_a_record_or_one_line(tmp_path, document):
    path = tmp_path / "record.json"
    for kind in _kinds():
        for value in (document, dict.fromkeys(kind.model_fields, document)):
            path.write_text(json.dumps(value))
            with one_line():
                read = read_record(path, kind)
                assert read == json.loads(path.read_text()) or "NaN" in path.read_text()


@given(text=st.text(max_size=80), value=PLAIN, kind=st.sampled_from(["json", "toml"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_of_settings_is_a_table_or_one_line(tmp_path, text, value, kind):
    path = tmp_path / f"a.{kind}"
    for content in (text, json.dumps({"search": value}), f"a = {json.dumps(value)}", f"a.{text} = 1"):
        path.write_text(content, encoding="utf-8", errors="replace")
        with one_line():
            assert isinstance(read_file(path), dict)


SECTIONS = (
    "search",
    "train",
    "data",
    "supernet",
    "network",
    "method",
    "objective",
    "regulariser",
    "stopping",
    "budget",
    "watch",
    "space",
)


@given(st.dictionaries(st.sampled_from(SECTIONS), PLAIN | st.dictionaries(st.just("name"), PLAIN), max_size=3))
def test_any_document_is_a_configuration_or_one_line(document):
    for resolve, more in ((resolve_search, {}), (resolve_train, {"architecture": "6111"})):
        with one_line():
            resolve({**document, **more})


@given(st.text(max_size=60) | st.from_regex(r"[a-z.]{0,12}=[\[{\"0-9eE+\-.]{0,40}", fullmatch=True))
@example("search.epochs=" + "9" * 5000)
@example("search.epochs=" + "[" * 100_000)
@example("a." * 100_000 + "b=1")
@example("method.gamma=\x1b[31m")
def test_anything_after_set_is_a_setting_or_one_line(text):
    document: dict[str, Any] = {"method": "darts", "search": {"epochs": 1}}
    with one_line():
        assign(document, text)
        json.dumps(document)
        resolve_search(document)
    with one_line():
        parse_value(text.partition("=")[2])
    with one_line():
        assert (read_count(text, "--max-flops") or 1) >= 0


@given(
    st.dictionaries(st.sampled_from(["name", "seeds", "common", "run", "grid", "benchmark", "x"]), PLAIN, max_size=4)
)
@example({"grid": {"search": {"seed": list(range(10_000)), "epochs": list(range(10_000))}}})
@example({"seeds": list(range(200_000)), "run": [{"method": "darts"}]})
def test_any_document_is_a_study_or_one_line(document):
    with one_line():
        assert read_study({"name": "x", **document}).rows


# -- texts and tables --------------------------------------------------------------------------------------------------


@given(st.text(max_size=200) | st.text('index,arch_cifar10test200\n"|~0.5', max_size=200), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_becomes_a_table(tmp_path, text, headed):
    path = tmp_path / "a.csv"
    path.write_text(("index,arch,cifar10_test_200\n" if headed else "") + text, "utf-8", "replace")
    with (
        Collector("nas-bench-201", tmp_path / "t.safetensors", curves=False) as collector,
        pytest.raises(UserError) as refused,
    ):
        import_csv(path, collector, lambda done, total: None)
    assert str(refused.value) == one_line_of(str(refused.value))


@given(state=PLAIN, names=st.lists(st.sampled_from(["arch_str", "all_results", "x"]), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_document_is_a_result_of_an_architecture(tmp_path, state, names):
    right = {"arch_str": SPACE.format(SPACE[0])}
    for states in (state, {"12": state}, {"12": {**right, "all_results": state}}, {"12": dict.fromkeys(names, state)}):
        with Collector("nas-bench-201", tmp_path / "t.safetensors", curves=False) as collector, one_line():
            add_architecture(collector, 0, states, "the file")
        with Collector("nas-bench-201", tmp_path / "t.safetensors", curves=False) as collector, one_line():
            check_order(states, collector, "the file")


@given(st.binary(max_size=100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_words_or_one_line(tmp_path, content):
    for part in ("train", "valid", "test"):
        (tmp_path / f"{part}.txt").write_bytes(content)
    with one_line():
        text_folder.read(tmp_path)


@pytest.mark.parametrize("name", spaces.names())
@given(seed=SEEDS)
@settings(max_examples=30)
def test_a_changed_text_is_an_architecture_or_one_line(name, seed):
    space, generator = spaces.get(name), random.Random(seed)
    text = space.format(space.from_genes([generator.randrange(size) for size in space.gene_sizes]))
    place, end = sorted(generator.randrange(len(text) + 1) for _ in range(2))
    more = generator.choice((" " * 20_000 + "x", "(" * 5000, "\x00", text, "9" * 5000, "", ",", "'", "|none~0"))
    with one_line():
        found = space.parse(text[:place] + more + text[end:])
        assert space.contains(found)


def test_all_kinds_of_records_are_there():
    sources = Path(read_record.__globals__["__file__"]).parents[1].rglob("*.py")
    named = {
        name
        for source in sources
        for name in re.findall(r"^class (\w+)\((?:\w*Record|_Facts)\)", source.read_text(), re.M)
    }
    assert named <= {kind.__name__ for kind in _kinds()}
