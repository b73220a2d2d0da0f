"""The transactions of a recorded ledger in any form, made from the form that was recorded."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import orjson

from ekspiper.xrpl.codec import CodecError, Decoder

from .._recording import Form, LedgerRecord
from ..errors import RpcError
from ..recording import Recording
from .forms import binary_v1, binary_v2, header_json, json_v1, json_v2, json_v2_from_v1

__all__ = ["LedgerContent"]


class LedgerContent:
    """One ledger of a recording, its forms parsed or made when they are asked for."""

    def __init__(self, recording: Recording, record: LedgerRecord) -> None:
        self._recording = recording
        self.record = record

    def header(self, *, api_version: int) -> dict[str, Any]:
        """The header as JSON. Raises RpcError when the recorded one cannot be read."""
        if self.record.header is None:
            raise RpcError("lgrNotFound")
        return header_json(self.record.header, self.record.hash, api_version=api_version)

    @property
    def header_bytes(self) -> bytes:
        """The header as bytes. Raises RpcError when the recorded one cannot be read."""
        if self.record.header is None:
            raise RpcError("lgrNotFound")
        return self.record.header.to_bytes()

    @cached_property
    def hashes(self) -> list[str]:
        """The hash of every transaction, in the order recorded."""
        recorded = self._recorded("json2")
        if recorded is None:
            recorded = self._recorded("json1")
        return [entry["hash"] for entry in (self.blobs if recorded is None else recorded)]

    @cached_property
    def blobs(self) -> list[dict[str, Any]]:
        """`{hash, meta_blob, tx_blob}` of every transaction. Raises RpcError without any bytes."""
        recorded = self._recorded("binary2")
        if recorded is None:
            recorded = self._recorded("binary1")
        if recorded is None:
            raise RpcError("lgrNotFound")
        return [binary_v2(entry) for entry in recorded]

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """Every transaction as api_version 2 gives it in JSON.

        Raises RpcError (internal) when the recorded bytes cannot be decoded.
        """
        # What a server printed is preferred to what is made of its bytes.
        recorded = self._recorded("json2")
        if recorded is not None:
            return recorded
        header = self.header(api_version=2)
        recorded = self._recorded("json1")
        if recorded is not None:
            return [json_v2_from_v1(entry, header) for entry in recorded]
        decoder = self._recording.decoder
        try:
            return [_decoded(decoder, blobs, header) for blobs in self.blobs]
        except (CodecError, ValueError) as error:
            raise RpcError("internal", f"ledger {self.record.index}: {error}") from error

    def transactions(self, form: Form) -> list[dict[str, Any]]:
        """Every transaction in a form. Raises RpcError when it was not recorded and cannot be made."""
        if form == "binary2":
            return self.blobs
        if form == "binary1":
            return [binary_v1(entry) for entry in self.blobs]
        if form == "json2":
            return self.entries
        return self._recorded("json1") or [json_v1(entry) for entry in self.entries]

    def _recorded(self, form: Form) -> list[dict[str, Any]] | None:
        span = self.record.forms.get(form)
        if span is None:
            return None
        found: list[dict[str, Any]] = orjson.loads(self._recording.read(span))["ledger"][
            "transactions"
        ]
        return found


def _decoded(decoder: Decoder, blobs: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    tx = decoder.transaction(bytes.fromhex(blobs["tx_blob"]))
    meta = decoder.metadata(bytes.fromhex(blobs["meta_blob"]))
    return json_v2(tx, meta, blobs["hash"], header)
