"""A pool whose one node serves whatever a test gives it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from ekspiper.core import Retryable
from ekspiper.xrpl.codec import LedgerHeader
from ekspiper.xrpl.trust import Manifest, Validation, encode_base64


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nothing announces."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class FakeAnswer(NamedTuple):
    result: dict[str, Any]
    node: str


class FakeMessages:
    """A subscription."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any] | Exception] = asyncio.Queue()

    def __aiter__(self) -> FakeMessages:
        return self

    async def __anext__(self) -> dict[str, Any]:
        message = await self.queue.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def __aenter__(self) -> FakeMessages:
        return self

    async def __aexit__(self, *args: object) -> None:
        return None


class FakePool:
    """Serves headers and manifests, and passes validations on."""

    def __init__(self) -> None:
        self.headers: dict[int, LedgerHeader] = {}
        self.lies: dict[int, bytes] = {}
        self.liars: list[tuple[str, str]] = []
        self.manifests: dict[str, Manifest] = {}
        self.closed: dict[int, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.messages = FakeMessages()
        self.subscribed = asyncio.Event()

    def chain(self, headers: Sequence[LedgerHeader]) -> None:
        self.headers.update((each.ledger_index, each) for each in headers)

    def subscribe(self, streams: Sequence[str], *, drop_oldest: bool) -> FakeMessages:
        self.subscribed.set()
        return self.messages

    def send(self, validation: Validation, **more: Any) -> None:
        message = {"type": "validationReceived", "data": validation.data.hex().upper(), **more}
        self.messages.queue.put_nowait(message)

    def send_manifest(self, manifest: Manifest) -> None:
        message = {"type": "manifestReceived", "manifest": manifest.data.hex()}
        self.messages.queue.put_nowait(message)

    async def ask(self, request: Any, *, avoid: Collection[str] = ()) -> FakeAnswer:
        self.asked.append(request)
        index = request["ledger_index"]
        node = "liar" if index in self.lies and "liar" not in avoid else "honest"
        if node == "honest" and index not in self.headers:
            raise Retryable(f"no ledger {index}")
        data = self.lies[index] if node == "liar" else self.headers[index].to_bytes()
        return FakeAnswer({"ledger": {"ledger_data": data.hex()}}, node)

    async def request(self, request: Any) -> dict[str, Any]:
        self.asked.append(request)
        manifest = self.manifests.get(request["public_key"])
        return {} if manifest is None else {"manifest": _base64(manifest)}

    def report_lie(self, node: str, why: str) -> None:
        self.liars.append((node, why))

    def closed_ledger(self, index: int) -> dict[str, Any] | None:
        return self.closed.get(index)

    @property
    def newest_ledger(self) -> int:
        return max(self.headers, default=0)


def _base64(manifest: Manifest) -> str:
    return encode_base64(manifest.data)
