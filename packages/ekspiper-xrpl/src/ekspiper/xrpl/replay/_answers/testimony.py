"""`manifest`, and what a subscriber of `validations` and `manifests` gets around a ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from ekspiper.xrpl.trust import TrustError, key_text, read_key

from ..errors import RpcError, missing_field
from .view import View

__all__ = ["Heard", "heard", "manifest"]

_STREAM_OF = {"validationReceived": "validations", "manifestReceived": "manifests"}


class Heard(NamedTuple):
    """A message of a validator, and the stream that it belongs to."""

    stream: str
    body: dict[str, Any]

    def message(self, *, api_version: int) -> bytes:
        """As it is sent; `ledger_index` is a string in api_version 1."""
        if api_version > 1 or "ledger_index" not in self.body:
            return orjson.dumps(self.body)
        return orjson.dumps({**self.body, "ledger_index": str(self.body["ledger_index"])})


def heard(view: View, ledger_index: int) -> tuple[list[Heard], list[Heard]]:
    """What came before a ledger closed, and what came late."""
    testimony = view.recording.testimony
    before = [*_messages(view, testimony.before(ledger_index), ledger_index)]
    after = [*_messages(view, testimony.after(ledger_index), ledger_index)]
    return before, after


def _messages(view: View, spans: Any, ledger_index: int) -> Iterator[Heard]:
    for span in spans:
        body = orjson.loads(view.recording.validation(span))
        stream = _STREAM_OF[body["type"]]
        if stream == "manifests" and view.holds_back_manifests:
            continue
        if "ledger_index" in body:
            body["ledger_index"] = int(body["ledger_index"])
        yield Heard(stream, body)


def manifest(view: View, request: Mapping[str, Any]) -> bytes:
    """The newest manifest of a validator, by its master key or the key that it signs with."""
    asked = request.get("public_key")
    if not isinstance(asked, str):
        raise missing_field("public_key")
    try:
        key = key_text(read_key(asked))
    except TrustError:
        raise RpcError("invalidParams") from None
    found = view.recording.testimony.manifest_of(
        key, released=view.released, held_back=view.holds_back_manifests
    )
    return orjson.dumps(found.answer(asked) if found is not None else {"requested": asked})
