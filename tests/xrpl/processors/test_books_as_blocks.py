"""All order books of a ledger, asked for as one: the same lines as one after the other."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.core import Flow, Permanent, Pipeline, Queue, Retryable, RetryPolicy, Step
from ekspiper.core.testing import RecordingCollector
from ekspiper.sinks.jsonl import JsonLines
from ekspiper.xrpl.client import Answer, Cut, RequestError
from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.ledger import LedgerInfo
from ekspiper.xrpl.processors import Asset, Book, BookRequests, FetchBookOffers
from ekspiper.xrpl.replay import SAMPLE

pytestmark = pytest.mark.usefixtures("either_codec")

CLOSED = "2000-01-01T00:00:00Z"


def key(request: Mapping[str, Any]) -> str:
    names = ("ledger_index", "taker_gets", "taker_pays", "domain")
    return repr([request.get(name) for name in names])


def recorded() -> tuple[dict[str, bytes], list[BookRequests]]:
    """Answers of the sample, and the requests for them, ledger by ledger."""
    frames: dict[str, bytes] = {}
    books: dict[tuple[int, str], list[Book]] = {}
    with gzip.open(Path(SAMPLE) / "book_offers_v2.jsonl.gz") as lines:
        for line in map(orjson.loads, lines):
            request, response = line["request"], line["response"]
            sides = (Asset.of(request[side]) for side in ("taker_gets", "taker_pays"))
            frames[key(request)] = orjson.dumps(response)
            place = response["result"]["ledger_index"], response["result"]["ledger_hash"]
            books.setdefault(place, []).append(Book(*sides, request.get("domain", "")))
    return frames, [requests(*place, some) for place, some in books.items()]


def requests(index: int, ledger_hash: str, books: list[Book]) -> BookRequests:
    header = LedgerHeader(
        ledger_index=index,
        total_coins=0,
        parent_hash=bytes(32),
        transaction_hash=bytes(32),
        account_hash=bytes(32),
        parent_close_time=0,
        close_time=0,
        close_time_resolution=10,
        close_flags=0,
    )
    return BookRequests(LedgerInfo(header, ledger_hash=ledger_hash), books)


FRAMES, ITEMS = recorded()


class Node:
    """Answers from the sample, a turn of the event loop later; some requests as it is told to."""

    def __init__(self, *, faults: Mapping[str, Any] | None = None) -> None:
        self.faults = dict(faults or {})
        self.open = 0
        self.most_open = 0
        self.asked: list[str] = []

    async def request(self, request: Any, *, ledger_index: int | None = None) -> dict[str, Any]:
        return (await self.submit(request, ledger_index=ledger_index)).result

    def submit(
        self, request: Any, *, ledger_index: int | None = None, cut: Cut | None = None
    ) -> asyncio.Future[Answer]:
        assert ledger_index == request["ledger_index"]
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        self.asked.append(key(request))
        future.add_done_callback(self._left)
        asyncio.get_running_loop().call_soon(self._answer, future, key(request), cut)
        return future

    def _left(self, _: Any) -> None:
        self.open -= 1

    def _answer(self, future: asyncio.Future[Answer], asked: str, cut: Cut | None) -> None:
        if future.done():
            return
        fault = self.faults.pop(asked, None)
        if isinstance(fault, Exception):
            future.set_exception(fault)
            return
        frame = FRAMES[asked]
        taken = None if cut is None else cut.take(frame)
        response = orjson.loads(frame if taken is None else taken[0])
        if taken is not None:
            assert cut is not None
            assert cut.put(taken[1], response)
        response["result"].update(fault or {})
        future.set_result(Answer(response["result"], response, "node"))


async def test_the_lines_are_those_of_the_records() -> None:
    alone, together = FetchBookOffers(Node()), FetchBookOffers(Node())
    for item in ITEMS:
        block = await together.process_to_block(item)
        assert block is not None
        assert block.count == len(item)
        records = [record for one in item for record in await alone.process(one)]
        assert block.lines == b"".join(orjson.dumps(record) + b"\n" for record in records)


async def test_a_full_answer_is_truncated() -> None:
    item = max(ITEMS, key=len)
    offers = [len(orjson.loads(FRAMES[key(one)])["result"]["offers"]) for one in item]
    block = await FetchBookOffers(Node(), limit=max(offers)).process_to_block(item)
    assert block is not None
    assert [one.value["truncated"] for one in block] == [each == max(offers) for each in offers]


async def test_no_more_are_asked_for_at_once_than_allowed() -> None:
    node = Node()
    books = FetchBookOffers(node, at_once=3)
    blocks = await asyncio.gather(*map(books.process_to_block, ITEMS[:20]))
    assert sum(block.count for block in blocks if block) == sum(map(len, ITEMS[:20]))
    assert node.most_open == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"ledger_index": 7}, Retryable),
        ({"ledger_hash": "00"}, Retryable),
        ({"validated": None}, Retryable),
        ({"offers": None}, Permanent),
        (RequestError("badMarket", "", {}, node="node"), RequestError),
    ],
)
async def test_an_error_of_one_is_an_error(fault: Any, error: type[Exception]) -> None:
    item = max(ITEMS, key=len)
    node = Node(faults={key(one): fault for one in list(item)[1:3]})
    books = FetchBookOffers(node, at_once=4)
    with pytest.raises(error):
        await books.process_to_block(item)
    assert node.open == 0
    assert await books.process_to_block(item) is not None  # there is room again


async def test_other_pools_and_items_are_left_to_process() -> None:
    class Plain:
        async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
            raise NotImplementedError

    assert await FetchBookOffers(Plain()).process_to_block(ITEMS[0]) is None
    assert await FetchBookOffers(Node()).process_to_block(next(iter(ITEMS[0]))) is None


async def test_one_book_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    """A dead letter for the side that is refused, and all other sides in their order."""
    some = ITEMS[:30]
    every = [one for item in some for one in item]
    refused = key(every[5])
    late = key(every[9])

    class Refusing(Node):
        def _answer(self, future: Any, asked: str, cut: Cut | None) -> None:
            if asked == refused:
                self.faults[asked] = RequestError("badMarket", "", {}, node="node")
            super()._answer(future, asked, cut)

    node = Refusing(faults={late: {"ledger_hash": "00"}})
    queue, letters = Queue("requests"), RecordingCollector()
    lines = JsonLines(tmp_path / "books.jsonl")
    step = Step(
        FetchBookOffers(node),
        name="fetch",
        concurrency=4,
        retry=RetryPolicy(first=0.0),
        collectors=(lines,),
    )
    pipeline = Pipeline(
        Flow("build", source=some, steps=(Step(AsItIs(), name="pass", collectors=(queue,)),)),
        Flow("books", source=queue, steps=(step,)),
    )
    report = await pipeline.run(dead_letters=letters)
    assert [key(letter["item"]) for letter in letters.items] == [refused]
    kept = [orjson.loads(line) for line in (tmp_path / "books.jsonl").read_bytes().splitlines()]
    expected = [one for one in every if key(one) != refused]
    assert [one["ledger_index"] for one in kept] == [one["ledger_index"] for one in expected]
    assert [Asset.of(one["taker_gets"]) for one in kept] == [
        Asset.of(one["taker_gets"]) for one in expected
    ]
    assert report.steps["books/fetch"].items_in == len(every)
    assert report.steps["books/fetch"].items_out == len(expected)


class AsItIs:
    """Blocks that come are handed on as they are."""

    takes_blocks = True

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def process(self, item: Any) -> tuple[Any]:
        return (item,)

    def to_block(self, item: Any) -> Any:
        return item
