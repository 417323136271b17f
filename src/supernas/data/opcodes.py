"""Check that a pickle does not ask for more memory than its own length can account for.

The unpickler believes what it reads: five bytes that store an object under the number four thousand million make it
fill a table of that size, and so does one flipped bit in a damaged file. Every number and length in an honest pickle is
below the length of the pickle, and that can be checked without running it: most instructions have a fixed size and are
skipped by one regular expression, the few others one by one.
"""

import pickle
import pickletools
import re
import struct

__all__ = ["too_large"]

_STOP, _PUT, _LONG_BINPUT = pickle.STOP[0], pickle.PUT[0], pickle.LONG_BINPUT[0]
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


_CHECKED = (_STOP, _PUT, _LONG_BINPUT)
_PREFIXED = {ord(op.code): _LENGTHS[_size(op)] for op in pickletools.opcodes if _size(op) in _LENGTHS}
_SIMPLE = [op for op in pickletools.opcodes if ord(op.code) not in _PREFIXED and ord(op.code) not in _CHECKED]
_SKIPPED = re.compile(_pattern(_SIMPLE), re.DOTALL)
_PUT_LINE = re.compile(rb"p([^\n]*)\n")


def too_large(data: bytes) -> bool:
    """Whether the pickle names a place or a length beyond its own; anything else wrong is left to the unpickler."""
    position = 0
    try:
        while True:
            if skipped := _SKIPPED.match(data, position):
                position = skipped.end()
                continue
            value, position = _number(data, position)
            if not 0 <= value <= len(data) or position > len(data):
                return True
    except (ValueError, IndexError, struct.error):  # the end, or no instruction
        return False


def _number(data: bytes, position: int) -> tuple[int, int]:
    """The number that the instruction at `position` states, and where the next instruction is."""
    instruction = data[position]
    if instruction == _LONG_BINPUT:
        return struct.unpack_from("<I", data, position + 1)[0], position + 5
    if instruction == _PUT and (line := _PUT_LINE.match(data, position)):
        return int(line[1]), line.end()
    if instruction in _PREFIXED:
        length: int = _PREFIXED[instruction].unpack_from(data, position + 1)[0]
        return length, position + 1 + _PREFIXED[instruction].size + length
    raise ValueError("the end of the pickle, or no instruction")
