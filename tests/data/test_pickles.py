"""Pickles of strangers are read as data, or refused by name; nothing in them runs."""

import builtins
import os
import pickle
import tracemalloc
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supernas.core.errors import UserError
from supernas.data.opcodes import ExcessError, checked
from supernas.data.pickles import safe_load

ARRAYS = [
    np.arange(12, dtype=np.uint8).reshape(3, 4),
    np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    np.array([1, 256], dtype=">i4"),
    np.array([True, False]),
    np.array(["cat", "zebra"]),
    np.array([b"cat", b"zebra"]),
    np.array(1 + 2j),
]


class Call:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments, state=None):
        self.function, self.arguments, self.state = function, arguments, state

    def __reduce__(self):
        return self.function, self.arguments, self.state


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: str(array.dtype))
def test_arrays_and_scalars_come_back(array, protocol):
    pickled = pickle.dumps({"a": array}, protocol)
    loaded = safe_load(pickled)["a"]
    assert isinstance(loaded, np.ndarray)
    assert loaded.dtype == pickle.loads(pickled)["a"].dtype  # numpy reads numbers into the machine's byte order
    np.testing.assert_array_equal(loaded, array)
    for scalar in array.flatten()[:1]:
        assert safe_load(pickle.dumps(scalar, protocol)) == scalar


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(min_size=1),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(), inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner).map(OrderedDict)
    ),
    max_leaves=10,
)


@given(plain, st.integers(2, 5))
def test_plain_containers_come_back(value, protocol):
    assert safe_load(pickle.dumps(value, protocol)) == value


def test_python_2_batches_come_back():
    # what Python 2 wrote for {"data": numpy.array([[1, 255]], "uint8"), "labels": [3]} with protocol 2
    python_2 = (
        b"\x80\x02}q\x00(U\x04dataq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b"
        b"\x87Rq\x04(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ"
        b"\xff\xff\xff\xffK\x00tb\x89U\x02\x01\xfftbU\x06labelsq\x07]q\x08K\x03au."
    )
    loaded = safe_load(python_2)
    assert loaded["labels"] == [3]
    assert loaded["data"].tolist() == [[1, 255]]
    assert safe_load(python_2, encoding="bytes")[b"data"].tolist() == [[1, 255]]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {marker}",), "system"),
        (eval, ("open('{marker}', 'w')",), "eval"),
        (exec, ("open('{marker}', 'w')",), "exec"),
        (builtins.getattr, (OrderedDict, "fromkeys"), "getattr"),
        (np.load, ("{marker}",), "load"),
        (pickle.loads, (b"N.",), "loads"),
    ],
)
def test_every_other_name_is_refused_and_nothing_runs(tmp_path, function, arguments, name, protocol):
    marker = tmp_path / "ran"
    arguments = [part.format(marker=marker) if isinstance(part, str) else part for part in arguments]
    file = tmp_path / "batch"
    nested = {"data": [OrderedDict(a=Call(function, *arguments))]}
    file.write_bytes(pickle.dumps(nested, protocol))
    with pytest.raises(UserError, match=rf"{file}.*{name}.*refused") as error:
        safe_load(file)
    assert "\n" not in str(error.value)
    assert not marker.exists()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"


@pytest.mark.parametrize(
    "damaged",
    [
        pickle.dumps(np.array([print, {}], dtype=object), 2),
        pickle.dumps(np.zeros(2, dtype=[("a", "i4")]), 2),
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRI1\ntR.",
        RECONSTRUCT + b"(ccollections\nOrderedDict\n(I0\ntS'b'\ntR.",
        RECONSTRUCT + b"(cnumpy\nndarray\n(I1000000000000\ntS'b'\ntR.",
        RECONSTRUCT + b"(dS'__code__'\nNsb.",  # alters the function itself
        b"c_codecs\nencode\n(S'cevag(1)'\nS'rot13'\ntR.",
        b"cnumpy\ndtype.newbyteorder\n.",
    ],
    ids=["objects", "records", "object scalar", "not an array", "huge", "altered function", "other codec", "attribute"],
)
def test_allowed_names_do_only_what_arrays_need(damaged):
    with pytest.raises(UserError, match="refused"):
        safe_load(damaged, name="batch")


def test_wrong_number_of_array_bytes_is_refused():
    good = pickle.dumps(np.arange(4, dtype=np.uint8), 4)
    assert good.count(b"K\x04\x85") == 1  # the shape (4,)
    with pytest.raises(UserError, match="as many numbers as its shape says"):
        safe_load(good.replace(b"K\x04\x85", b"K\xf0\x85"))


@given(st.data())
def test_cut_short_is_one_line(data):
    whole = pickle.dumps({"data": np.arange(5), "labels": [1, 2], "x": OrderedDict(a=np.float64(2))}, 4)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(UserError) as error:
        safe_load(whole[:cut], name="train_batch")
    assert "train_batch" in str(error.value)
    assert "\n" not in str(error.value)


@given(st.binary(max_size=200), st.integers(0, 150), st.integers(0, 255))
def test_no_bytes_crash(noise, place, byte):
    changed = bytearray(pickle.dumps({"data": np.arange(5), "s": np.float32(2)}, 2))
    changed[place % len(changed)] = byte
    for bytes_ in (noise, bytes(changed)):
        assert "\n" not in message_of(bytes_)


def message_of(bytes_):
    try:
        safe_load(bytes_)
    except UserError as error:
        return str(error)
    return ""


def test_a_refused_name_cannot_break_the_line():
    with pytest.raises(UserError) as error:
        safe_load(b"\x80\x04\x8c\x04os\nx\x8c\x06system\x93.")
    assert "os\\nx.system" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "bomb",
    [
        b"Nr\xff\xff\xff\xff.",
        b"Np4000000000\n.",
        b"Np 4_000_000_000\n.",
        b"B\xff\xff\xff\x7f.",
        b"\x8e" + b"\xff" * 7 + b"\x00.",
        b"(\x8c\x00r\xff\xff\xff\xff.",
        b"cnumpy\nndarray\nG" + b"\x00" * 8 + b"U\x02abr\xff\xff\xff\x00.",
    ],
)
def test_memory_beyond_the_file_is_never_asked_for(bomb):
    tracemalloc.start()
    with pytest.raises(UserError, match="more than it holds"):
        safe_load(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@given(plain, st.integers(0, 5))
def test_honest_pickles_are_never_too_large(value, protocol):
    checked(pickle.dumps(value, protocol), b"", b"")
    with pytest.raises(ExcessError):  # seen after any prefix
        checked(pickle.dumps([value, "x"], protocol)[:-1] + b"r\xff\xff\xff\xff.", b"", b"")


SLOW = b"N" + b"2\x86" * 60  # a tuple of twice the tuple before, 60 times: a day to hash, a line to write
KEYS = {
    "item": b"\x80\x02}" + SLOW + b"K\x01s.",
    "items": b"\x80\x04}\x94(" + SLOW + b"K\x01K\x02K\x03u.",
    "frame": b"\x80\x04\x95" + (len(SLOW) + 5).to_bytes(8, "little") + b"}" + SLOW + b"K\x01s.",
    "old dictionary": b"(d" + SLOW + b"K\x01s.",
    "dictionary of a stack": b"(" + SLOW + b"K\x01d.",
    "dictionary after a byte like a mark": b"(" + SLOW + b"K(d.",
    "ordered": b"ccollections\nOrderedDict\n)R" + SLOW + b"K\x01s.",
    "ordered of pairs": b"ccollections\nOrderedDict\n((" + SLOW + b"K\x01tltR.",
    "set": b"\x80\x04\x8f(" + SLOW + b"\x90.",
    "frozen set": b"\x80\x04(" + SLOW + b"\x91.",
    "after a place in unusual digits": b"\x80\x02Np+1\n0}" + SLOW + b"K\x01s.",
    "long tuple": b"\x80\x02}(" + b"K\x01" * 17 + b"tK\x01s.",
    "long number": b"\x80\x02}\x8a\x09" + b"\xff" * 8 + b"\x01K\x01s.",
}


@pytest.mark.parametrize("data", KEYS.values(), ids=KEYS)
def test_a_key_that_takes_long_to_hash_is_refused_unhashed(data):
    with pytest.raises(UserError):
        safe_load(data)


@pytest.mark.parametrize("protocol", range(6))
def test_keys_of_official_files_and_sets_come_back(protocol):
    value = {("cifar10", 777): 1, 3: 2, 0.5: 3, None: 4, np.float64(2): 5}
    value |= {"members": {1, 2, "x"}} if protocol >= 4 else {}  # before, sets were written as calls
    assert safe_load(pickle.dumps(OrderedDict(value), protocol)) == value


@pytest.mark.parametrize("maker", [b"]", b"}", b"\x8f", b"(l", b")R", b"(d"], ids=repr)
def test_containers_of_nothing_are_refused_before_they_are_made(maker):
    data = b"\x80\x04ccollections\nOrderedDict\n" + maker * 100_000 + b"."
    tracemalloc.start()
    with pytest.raises(UserError):
        safe_load(data)
    assert tracemalloc.get_traced_memory()[1] < 10 * len(data)
    tracemalloc.stop()


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        safe_load(tmp_path / "nowhere")
