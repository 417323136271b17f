"""Writes files in the layout of NAS-Bench-101, with made-up accuracies, by code that the reader does not share."""

import base64
import json
import struct

import numpy as np


def crc(data):
    """CRC-32C, bit by bit."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


def masked(data):
    value = crc(data)
    return struct.pack("<I", (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def framed(content, claimed=None):
    """A record, with another length than its own if one is claimed."""
    length = struct.pack("<Q", len(content) if claimed is None else claimed)
    return length + masked(length) + content + masked(content)


def varint(number):
    """A number in the wire format."""
    made = bytearray()
    while number >= 0x80:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


def field(number, value):
    """A field of a message: an int, a float (8 bytes), or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def evaluation(epoch, seconds, train, valid, test):
    numbers = enumerate((epoch, seconds, train, valid, test), start=1)
    return b"".join(field(number, float(value)) for number, value in numbers) + field(6, b"/models/model.ckpt-1")


def metrics(epochs, accuracies, parameters):
    """ModelMetrics: before, half-way, at the end; accuracies are of the end, from 0 to 1."""
    rounds = [(0.0, 0.1), (epochs / 2, 0.6), (float(epochs), None)]
    parts = [evaluation(at, at * 10, *([low] * 3 if low else accuracies)) for at, low in rounds]
    return b"".join(field(1, part) for part in parts) + field(2, parameters) + field(3, 1234.5)


def row(module, name, epochs, seed, number):
    """The row of a training, as a list; its accuracies follow from the seed and the number."""
    drawn = np.random.default_rng([seed, number]).uniform(0.5, 0.95, 3).round(6).tolist()
    adjacency = "".join(str(entry) for line in module.matrix for entry in line)
    encoded = base64.b64encode(metrics(epochs, drawn, 1_000_000 + number)).decode()
    return [name, epochs, adjacency, ",".join(module.operations), encoded], drawn


def written(path, rows):
    path.write_bytes(b"".join(framed(json.dumps(one).encode()) for one in rows))
    return path
