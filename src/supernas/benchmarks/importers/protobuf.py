"""The wire format of protocol buffers: the fields of a message, whatever it is."""

from collections.abc import Iterator

__all__ = ["fields"]

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
_FIXED = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}
_MOST = 10  # bytes of a number of 64 bits


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field, in order: a number below 2^64, or its bytes.

    Args:
        message: the encoded message; strings and messages within it come as bytes, as fixed numbers do.

    Raises:
        ValueError: if it is no message, or has groups, which went out of use.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise ValueError(f"a field of number {number}")
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield number, value
            continue
        if kind == _BYTES:
            size, place = _varint(message, place)
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise ValueError(f"a field of kind {kind}")
        if place + size > len(message):
            raise ValueError("it is cut short")
        yield number, message[place : place + size]
        place += size


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """(number, where it ends): seven bits a byte, the lowest first; all but the last byte have the highest bit set."""
    value = 0
    for shift in range(_MOST):
        if place + shift >= len(message):
            raise ValueError("it is cut short")
        byte = message[place + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, place + shift + 1
    raise ValueError("a number of more than 64 bits")
