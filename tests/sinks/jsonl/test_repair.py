"""Torn ends: whatever the place a file was cut at, whole lines stay and the rest goes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ekspiper.core import ConfigError
from ekspiper.sinks.jsonl._compression import Compression, codec
from ekspiper.sinks.jsonl._repair import end_of_lines, end_of_members

LINES = [b'{"a":1}\n', b'{"b":[1,2]}\n', b'{"c":"x"}\n']


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    number = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield number
    os.close(number)


def put(descriptor: int, data: bytes) -> int:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, data, 0)
    return len(data)


def test_every_cut_of_plain_lines(descriptor: int) -> None:
    text = b"".join(LINES)
    for length in range(len(text) + 1):
        end, missing = end_of_lines(descriptor, put(descriptor, text[:length]))
        kept = text[:end] + missing
        whole = [line for line in LINES if text.index(line) + len(line) - 1 <= length]
        assert kept == b"".join(whole), length


def test_a_torn_line_longer_than_a_block(descriptor: int) -> None:
    text = b'{"a":1}\n{"b":"' + b"x" * (3 << 20)
    assert end_of_lines(descriptor, put(descriptor, text)) == (8, b"")


def test_zeros_of_a_power_failure_are_torn(descriptor: int) -> None:
    assert end_of_lines(descriptor, put(descriptor, b'{"a":1}\n' + bytes(5000))) == (8, b"")


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_every_cut_of_members(descriptor: int, compression: Compression) -> None:
    kind = codec(compression)
    assert kind is not None
    members = [kind.compress(line * 50) for line in LINES]
    ends = [0, *(sum(map(len, members[:count])) for count in (1, 2, 3))]
    text = b"".join(members)
    for length in range(len(text) + 1):
        end = end_of_members(descriptor, put(descriptor, text[:length]), kind)
        assert end == max(place for place in ends if place <= length), length


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_another_file_is_refused(descriptor: int, compression: Compression) -> None:
    kind = codec(compression)
    assert kind is not None
    with pytest.raises(ConfigError, match=r"not a \.(gz|zst) file"):
        end_of_members(descriptor, put(descriptor, b'{"a":1}\n'), kind)
