"""What validators said: their validations and manifests, by the ledger around which they came."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ekspiper.xrpl.codec import CodecError, Decoder
from ekspiper.xrpl.trust import TrustError, key_text, read_key

from .spool import Span

__all__ = ["KnownManifest", "Testimony", "ValidatorDocument"]


@dataclass(frozen=True, slots=True)
class KnownManifest:
    """A manifest that the recorded server knew.

    Attributes:
        since: the ledger with which it came in the stream; None: it was known before.
    """

    master: str
    signing: str
    sequence: int
    domain: str
    text: str
    since: int | None = None

    @classmethod
    def of_answer(cls, result: Mapping[str, Any]) -> KnownManifest | None:
        """From the answer to `manifest`; None when the server knew none."""
        details = result.get("details")
        if not isinstance(details, dict) or "manifest" not in result:
            return None
        return cls(
            details["master_key"],
            details.get("ephemeral_key", ""),
            int(details["seq"]),
            details.get("domain", ""),
            result["manifest"],
        )

    @classmethod
    def of_message(cls, message: Mapping[str, Any]) -> KnownManifest:
        """From a message of the stream `manifests`."""
        return cls(
            message["master_key"],
            message.get("signing_key", ""),
            int(message["seq"]),
            message.get("domain", ""),
            base64.b64encode(bytes.fromhex(message["manifest"])).decode(),
        )

    @classmethod
    def of_bytes(cls, text: str, decoder: Decoder) -> KnownManifest | None:
        """From base64, as a validator list has it; None when it cannot be read."""
        try:
            fields = decoder.ledger_object(base64.b64decode(text, validate=True))
            signing = fields.get("SigningPubKey", "")
            return cls(
                key_text(bytes.fromhex(fields["PublicKey"])),
                key_text(bytes.fromhex(signing)) if signing else "",
                fields["Sequence"],
                bytes.fromhex(fields.get("Domain", "")).decode("ascii", "replace"),
                text,
            )
        except (CodecError, KeyError, TypeError, ValueError):
            return None

    def answer(self, asked: str) -> dict[str, Any]:
        """The `result` of `manifest`."""
        details = {
            "domain": self.domain,
            "ephemeral_key": self.signing,
            "master_key": self.master,
            "seq": self.sequence,
        }
        return {"details": details, "manifest": self.text, "requested": asked}


@dataclass(frozen=True, slots=True)
class ValidatorDocument:
    """A validator list as it was published.

    Attributes:
        publisher: the publisher's master key, in hex.
        sequence: the highest of the lists in it.
        data: the document.
        manifests: those of its validators, in base64.
    """

    publisher: str
    sequence: int
    data: bytes
    manifests: tuple[str, ...]

    @classmethod
    def read(cls, data: bytes) -> ValidatorDocument:
        """From JSON. Raises ValueError with what is wrong with it."""
        try:
            document = orjson.loads(data)
            key = read_key(document["public_key"]).hex().upper()
            parts = document.get("blobs_v2") or [document]
            blobs = [orjson.loads(base64.b64decode(part["blob"])) for part in parts]
            newest = max(blobs, key=lambda blob: int(blob["sequence"]))
            manifests = [row["manifest"] for row in newest["validators"] if "manifest" in row]
            return cls(key, int(newest["sequence"]), data, tuple(manifests))
        except (AttributeError, KeyError, TypeError, ValueError, TrustError) as error:
            raise ValueError(f"not a validator list: {error!r}") from error


@dataclass(slots=True)
class Testimony:
    """Filled message by message, in the order in which they were received."""

    manifests: list[KnownManifest] = field(default_factory=list)
    _before: dict[int, list[Span]] = field(default_factory=dict)
    _after: dict[int, list[Span]] = field(default_factory=dict)
    _waiting: list[tuple[int | None, Span, KnownManifest | None]] = field(default_factory=list)
    _closed: int | None = None

    def add_validation(self, ledger_index: int, span: Span) -> None:
        """A validation came."""
        # Validators that are slow sign after the ledger has closed; those come late in a replay as
        # well.
        if self._closed is not None and ledger_index <= self._closed:
            self._after.setdefault(self._closed, []).append(span)
        else:
            self._waiting.append((ledger_index, span, None))

    def add_manifest(self, manifest: KnownManifest, span: Span) -> None:
        """A manifest came."""
        self._waiting.append((None, span, manifest))

    def close(self, ledger_index: int) -> None:
        """A ledger closed: what came since the last one stands before it."""
        for validated, span, manifest in self._waiting:
            # A ledger whose own closing was not recorded is signed all the same.
            place = ledger_index if validated is None else min(validated, ledger_index)
            self._place(place, span, manifest)
        self._waiting.clear()
        self._closed = ledger_index

    def finish(self, held: Collection[int]) -> None:
        """Everything came; what is about ledgers that were not recorded is left out."""
        last = max(held, default=0)
        for validated, span, manifest in self._waiting:
            self._place(last if validated is None else validated, span, manifest)
        self._waiting.clear()
        for messages in (self._before, self._after):
            for index in [index for index in messages if index > last]:
                del messages[index]
        heard = {(each.master, each.sequence): each.since for each in self.manifests if each.since}
        self.manifests = [
            replace(each, since=heard.get((each.master, each.sequence))) for each in self.manifests
        ]

    def before(self, ledger_index: int) -> list[Span]:
        """What came before a ledger closed, and after the one before it."""
        return self._before.get(ledger_index, [])

    def after(self, ledger_index: int) -> list[Span]:
        """What came late."""
        return self._after.get(ledger_index, [])

    def manifest_of(
        self, key: str, *, released: int, held_back: bool = False
    ) -> KnownManifest | None:
        """The newest manifest of a master or signing key.

        Args:
            released: the last ledger that is closed: later manifests are not known yet.
            held_back: those of the stream are never known.
        """
        newest: dict[str, KnownManifest] = {}
        for each in self.manifests:
            known = each.since is None or (each.since <= released and not held_back)
            other = newest.get(each.master)
            if known and (other is None or other.sequence < each.sequence):
                newest[each.master] = each
        return next((each for each in newest.values() if key in (each.master, each.signing)), None)

    def _place(self, ledger_index: int, span: Span, manifest: KnownManifest | None) -> None:
        self._before.setdefault(ledger_index, []).append(span)
        if manifest is not None:
            self.manifests.append(replace(manifest, since=ledger_index))
