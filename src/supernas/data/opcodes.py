"""Check that a pickle does not ask for more memory or time than its own length can account for.

The unpickler believes what it reads: five bytes that store an object under the number four thousand million make it
fill a table of that size, and so does one flipped bit in a damaged file. Every number and length in an honest pickle is
below the length of the pickle, and it makes few containers. That can be checked without running it: most instructions
have a fixed size and are skipped by one regular expression, the few others one by one.

A tuple of tuples of tuples, each twice the same, is short to write and takes ages to hash as a key. What is a key shows
only when a pickle runs, so its dictionaries and sets are exchanged for ones of the reader's choice, which look at keys.
"""

import pickle
import pickletools
import re
import struct

__all__ = ["ExcessError", "checked"]

_STOP, _PUT, _LONG_BINPUT = pickle.STOP[0], pickle.PUT[0], pickle.LONG_BINPUT[0]
_MARK, _DICT, _FROZENSET = pickle.MARK[0], pickle.DICT[0], pickle.FROZENSET[0]
_FRAME, _EMPTY_DICT, _EMPTY_SET = pickle.FRAME[0], pickle.EMPTY_DICT[0], pickle.EMPTY_SET[0]
_MAKERS = (
    *(_EMPTY_DICT, _EMPTY_SET, pickle.EMPTY_LIST[0], pickle.LIST[0]),
    *(pickle.REDUCE[0], pickle.OBJ[0], pickle.NEWOBJ[0]),
)
_FRAME_BYTES = 9  # with the length of a frame, which would be another one after an exchange, and nobody needs
_FEW, _LEAST_BYTES = 1_000, 6  # so many containers are never too many; of more, each has so many bytes of the pickle
_LENGTHS = {  # how the length that follows an instruction is written
    pickletools.TAKEN_FROM_ARGUMENT1: struct.Struct("<B"),
    pickletools.TAKEN_FROM_ARGUMENT4: struct.Struct("<i"),
    pickletools.TAKEN_FROM_ARGUMENT4U: struct.Struct("<I"),
    pickletools.TAKEN_FROM_ARGUMENT8U: struct.Struct("<Q"),
}


def _size(opcode: pickletools.OpcodeInfo) -> int:
    """Bytes after the instruction, or a negative number that says how they are found."""
    return 0 if opcode.arg is None else opcode.arg.n


def _rest(opcode: pickletools.OpcodeInfo) -> bytes:
    """A pattern for what follows the instruction: so many bytes, or one line, or two."""
    if _size(opcode) != pickletools.UP_TO_NEWLINE:
        return b".{%d}" % _size(opcode)
    return rb"[^\n]*\n" * (2 if opcode.arg is not None and opcode.arg.name.endswith("_pair") else 1)


def _pattern(opcodes: list[pickletools.OpcodeInfo]) -> bytes:
    """A run of the instructions with what follows each, not endless: the matcher remembers every turn."""
    codes: dict[bytes, bytes] = {}
    for opcode in opcodes:
        codes[_rest(opcode)] = codes.get(_rest(opcode), b"") + re.escape(opcode.code.encode("latin1"))
    return b"(?:" + b"|".join(b"[" + group + b"]" + rest for rest, group in codes.items()) + b"){1,10000}"


_CHECKED = (_STOP, _PUT, _LONG_BINPUT, _MARK, _DICT, _FROZENSET, _FRAME, *_MAKERS)
_PREFIXED = {ord(op.code): _LENGTHS[_size(op)] for op in pickletools.opcodes if _size(op) in _LENGTHS}
_SIMPLE = [op for op in pickletools.opcodes if ord(op.code) not in _PREFIXED and ord(op.code) not in _CHECKED]
_SKIPPED = re.compile(_pattern(_SIMPLE), re.DOTALL)
_PUT_LINE = re.compile(rb"p([^\n]*)\n")


class ExcessError(ValueError):
    """The pickle asks for more than it holds; the message says what."""


def checked(data: bytes, dictionary: bytes, collection: bytes) -> bytes:
    """The same pickle, in which dictionaries and sets are made by other instructions; nothing of it has run.

    Args:
        data: the pickle.
        dictionary: instructions that push an empty dictionary.
        collection: instructions that push something to which the members of a set can be added.

    Raises:
        ExcessError: if the pickle names a place or a length beyond its own, or makes containers of nothing. Anything
            else wrong is left to the unpickler.
    """
    pieces: list[bytes] = []
    position = copied = made = 0
    exchanged = {_EMPTY_DICT: dictionary, _EMPTY_SET: collection, _FRAME: b""}
    try:
        while True:
            if skipped := _SKIPPED.match(data, position):
                position = skipped.end()
                continue
            instruction, start = data[position], position
            if instruction == _MARK and data[position + 1] == _DICT:  # the old way to make an empty one
                instruction, position = _EMPTY_DICT, position + 2
            else:
                position = _after(data, position)
            if instruction in exchanged:
                pieces += data[copied:start], exchanged[instruction]
                copied = position
            made += instruction in _MAKERS
            if made > _FEW + len(data) // _LEAST_BYTES:
                raise ExcessError("it makes more containers than it can fill")
    except (IndexError, struct.error):  # the end, or no instruction: what comes after it is left out
        return b"".join((*pieces, data[copied : position + 1]))


def _after(data: bytes, position: int) -> int:
    """Where the next instruction is, after one that is not skipped.

    Raises:
        ExcessError: if it names more than the pickle holds, or hashes what nobody has looked at.
        IndexError, struct.error: at the end, or where there is no instruction.
    """
    instruction = data[position]
    if instruction in (*_MAKERS, _MARK):
        return position + 1
    if instruction == _FRAME:
        return position + _FRAME_BYTES
    if instruction in (_FROZENSET, _DICT):
        raise ExcessError("it makes a dictionary or a frozen set at one stroke")
    value, position = _number(data, position)
    if not 0 <= value <= len(data) or position > len(data):
        raise ExcessError("it names more than it holds")
    return position


def _number(data: bytes, position: int) -> tuple[int, int]:
    """The number that the instruction at `position` states, and where the next instruction is."""
    instruction = data[position]
    if instruction == _LONG_BINPUT:
        return struct.unpack_from("<I", data, position + 1)[0], position + 5
    if instruction == _PUT and (line := _PUT_LINE.match(data, position)):
        return int(line[1]) if line[1].isdigit() and len(line[1]) < 19 else -1, line.end()
    if instruction in _PREFIXED:
        length: int = _PREFIXED[instruction].unpack_from(data, position + 1)[0]
        return length, position + 1 + _PREFIXED[instruction].size + length
    raise IndexError("the end of the pickle, or no instruction")
