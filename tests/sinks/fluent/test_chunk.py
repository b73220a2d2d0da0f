"""Chunks on the wire, and how a batch is cut into them."""

from __future__ import annotations

import gzip
from typing import Any

import msgpack
import pytest

from ekspiper.core import Permanent
from ekspiper.sinks.fluent._delivery import Delivery, Packing, pack_chunk


@pytest.mark.parametrize("compress", [False, True])
def test_the_message(compress: bool) -> None:
    chunk = pack_chunk("a.tag", [b"one", b"two"], compress=compress)
    tag, body, option = msgpack.unpackb(chunk.message)  # tells text from bytes
    assert tag == "a.tag"
    assert (gzip.decompress(body) if compress else body) == b"onetwo"
    assert option.pop("chunk") == chunk.id
    assert option == {"size": 2, **({"compressed": "gzip"} if compress else {})}


def test_no_two_chunks_have_one_name() -> None:
    assert len({pack_chunk("t", [b""], compress=False).id for _ in range(100)}) == 100


def delivery_of(batch: list[Any], *, chunk_bytes: int) -> Delivery:
    packing = Packing(tag="t", chunk_bytes=chunk_bytes, compress=False)
    return Delivery(batch, packing, entry=entry)


def entry(size: int) -> bytes:
    if size > 100:
        raise Permanent("too large")
    return b"x" * size


async def chunks(delivery: Delivery) -> list[int]:
    sizes = []
    while chunk := await delivery.next_chunk():
        sizes.append(len(msgpack.unpackb(chunk.message)[1]))
    return sizes


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [
        ([], []),
        ([3, 3, 3], [9]),
        ([5, 5, 1], [10, 1]),
        ([9, 2, 9], [9, 2, 9]),
        ([1, 50, 1], [1, 50, 1]),
        ([101, 1, 101], [1]),
        ([101], []),
    ],
)
async def test_chunks_are_bounded_by_bytes(batch: list[Any], sizes: list[int]) -> None:
    delivery = delivery_of(batch, chunk_bytes=10)
    assert await chunks(delivery) == sizes
    assert delivery.is_packed
    assert sorted(delivery.failures) == [place for place, size in enumerate(batch) if size > 100]
    assert len(delivery.unacknowledged) == len(sizes)


def test_the_same_batch_is_known_by_its_members() -> None:
    batch = [{"n": 1}, {"n": 2}]
    delivery = delivery_of(batch, chunk_bytes=1)
    assert delivery.is_for(tuple(batch))
    assert not delivery.is_for([dict(member) for member in batch])
    assert not delivery.is_for(batch[:1])
