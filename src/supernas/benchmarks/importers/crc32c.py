"""CRC-32C (Castagnoli) of many short blocks of bytes at once, and as TFRecord files mask it."""

from collections.abc import Sequence

import numpy as np

__all__ = ["crc32c", "masked_crc32c"]

_POLYNOMIAL = 0x82F63B78  # bits reversed
_MASK = 0xA282EAD8


def _table() -> np.ndarray:
    """What each byte contributes, uint32 [256]."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(_POLYNOMIAL), values >> 1)
    return values


_TABLE = _table()


def crc32c(blocks: Sequence[bytes]) -> np.ndarray:
    """The checksum of each block, uint32 [blocks].

    One byte of all blocks after another: a loop as long as the longest of them.

    >>> hex(crc32c([b"123456789", b""])[0])
    '0xe3069283'
    """
    lengths = np.array([len(block) for block in blocks], dtype=np.int64)
    longest = int(lengths.max(initial=0))
    padded = np.frombuffer(b"".join(block.ljust(longest, b"\0") for block in blocks), dtype=np.uint8)
    state = np.full(len(blocks), 0xFFFFFFFF, dtype=np.uint32)
    for place, column in enumerate(padded.reshape(len(blocks), longest).T):
        following = _TABLE[(state ^ column) & 0xFF] ^ (state >> 8)
        state = np.where(place < lengths, following, state)
    return ~state


def masked_crc32c(blocks: Sequence[bytes]) -> np.ndarray:
    """The same as TFRecord files have them, rotated and moved on by a constant: uint32 [blocks]."""
    checksums = crc32c(blocks)
    return ((checksums >> 15) | (checksums << 17)) + np.uint32(_MASK)
