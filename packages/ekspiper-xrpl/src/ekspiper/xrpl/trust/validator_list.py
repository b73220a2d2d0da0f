"""Validator lists: a publisher names the validators that it recommends, and signs the list.

Source: https://xrpl.org/docs/references/http-websocket-apis/peer-port-methods/validator-list, and
XLS-45 for version 2.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from ekspiper.xrpl.codec import ripple_time_iso

from .errors import BadSignature, KeyConflict, Malformed, NotProven, TrustError
from .keys import is_signed_by, key_text, read_key
from .manifest import Manifest, decode_base64

__all__ = ["ValidatorList", "read_validator_lists"]

_LIMIT = 4 * 1024 * 1024  # a list of 35 validators has 20 kB
# Mainnet has 35. Each one costs memory and a signature a ledger.
_MOST_VALIDATORS = 1000
_MOST_LISTS = 5  # as rippled, of version 2
_FOREVER = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class ValidatorList:
    """A list whose signature has been checked, from its publisher's master key down.

    Attributes:
        publisher: the publisher's master key.
        sequence: a list never replaces one of a higher sequence.
        effective: from when it holds, in seconds of the ledger's epoch.
        expiration: from when it does not hold any more.
        validators: the master keys of the validators.
        manifests: those of the validators, as far as the list has them and they can be used.
        unusable: what is wrong with the other manifests. Their validators still count as listed.
        publisher_manifest: names the key that signed the list.
        blob: the signed JSON.
        signature: over `blob`.
    """

    publisher: bytes
    sequence: int
    effective: int
    expiration: int
    validators: tuple[bytes, ...]
    manifests: tuple[Manifest, ...] = field(repr=False)
    unusable: tuple[str, ...]
    publisher_manifest: Manifest = field(repr=False)
    blob: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def from_signed(
        cls, *, public_key: bytes, manifest: Manifest, blob: bytes, signature: bytes
    ) -> Self:
        """The list in a signed blob.

        Args:
            public_key: the publisher's master key.
            manifest: the publisher's.

        Raises:
            Malformed: the blob cannot be read.
            BadSignature: the publisher did not sign it.
            NotProven: the manifest is that of another publisher.
            KeyConflict: the publisher has revoked its key.
        """
        who = key_text(public_key)
        if manifest.master != public_key:
            raise NotProven(
                f"the list of {who} has the manifest of another publisher, "
                f"{key_text(manifest.master)}"
            )
        if manifest.signing_key is None:
            raise KeyConflict(f"the publisher {who} has revoked its key: use another publisher")
        # Before the blob is parsed: only what the publisher wrote reaches the JSON parser.
        if not is_signed_by(manifest.signing_key, blob, signature):
            raise BadSignature(f"the list of {who} is not signed by its publisher")
        content = _json(blob, f"the list of {who}")
        validators, manifests, unusable = _validators(content, who)
        effective = _number(content, "effective", who) if "effective" in content else 0
        expiration = _number(content, "expiration", who)
        if effective >= expiration:
            raise Malformed(f"the list of {who} expires before it takes effect")
        return cls(
            publisher=public_key,
            sequence=_number(content, "sequence", who),
            effective=effective,
            expiration=expiration,
            validators=validators,
            manifests=manifests,
            unusable=unusable,
            publisher_manifest=manifest,
            blob=blob,
            signature=signature,
        )

    def check_time(self, at: int) -> None:
        """Check that the list holds at a time, in seconds of the ledger's epoch.

        Raises:
            NotProven: it does not hold yet, or does not hold any more.
        """
        if at < self.effective:
            raise NotProven(f"{self} takes effect on {ripple_time_iso(self.effective)} only")
        if at >= self.expiration:
            raise NotProven(
                f"{self} expired on {ripple_time_iso(self.expiration)}: get a newer one from its "
                "publisher"
            )

    def __str__(self) -> str:
        return f"list {self.sequence} of {key_text(self.publisher)}"


def read_validator_lists(
    document: bytes | Mapping[str, Any], publishers: Container[bytes] | None = None
) -> list[ValidatorList]:
    """The lists in a document as published, version 1 or 2; several where the next is announced.

    Args:
        document: JSON, or what was parsed from it.
        publishers: master keys of those who are trusted; everyone without it.

    Raises:
        NotProven: the publisher is not one of them.
        Malformed: the document cannot be read.
        BadSignature: a list in it is not signed.
    """
    if isinstance(document, bytes):
        document = _json(document, "the validator list")
    public_key = read_key(_text(document, "public_key", "the validator list"))
    if publishers is not None and public_key not in publishers:
        raise NotProven(
            f"the validator list is published by {key_text(public_key)} "
            f"({public_key.hex().upper()}), which is not trusted"
        )
    version = document.get("version")
    if version in (1, "1"):  # lists within XPOPs say it as text
        return [_signed(public_key, document, document)]
    if version != 2:
        raise Malformed(f"a validator list of version {version!r:.20} cannot be read")
    blobs = document.get("blobs_v2", document.get("blobs-v2"))
    if not isinstance(blobs, list) or not 0 < len(blobs) <= _MOST_LISTS:
        raise Malformed(f"a validator list of version 2 has 1 to {_MOST_LISTS} blobs_v2")
    return [_signed(public_key, document, blob) for blob in blobs]


def _signed(public_key: bytes, document: Mapping[str, Any], part: Any) -> ValidatorList:
    if not isinstance(part, Mapping):
        raise Malformed("a member of blobs_v2 is not an object")
    what = f"the list of {key_text(public_key)}"
    manifest = part.get("manifest", document.get("manifest"))
    return ValidatorList.from_signed(
        public_key=public_key,
        manifest=Manifest.from_base64(manifest),
        blob=decode_base64(part.get("blob"), f"the blob of {what}", limit=2 * _LIMIT),
        signature=_hex(_text(part, "signature", what), f"the signature of {what}"),
    )


def _validators(
    content: Mapping[str, Any], who: str
) -> tuple[tuple[bytes, ...], tuple[Manifest, ...], tuple[str, ...]]:
    rows = content.get("validators")
    if not isinstance(rows, list) or not 0 < len(rows) <= _MOST_VALIDATORS:
        raise Malformed(f"the list of {who} has no validators, or more than {_MOST_VALIDATORS}")
    masters: dict[bytes, None] = {}
    manifests: list[Manifest] = []
    unusable: list[str] = []
    for row in rows:
        if not isinstance(row, Mapping):
            raise Malformed(f"the list of {who}: a validator is not an object")
        master = read_key(_text(row, "validation_public_key", f"the list of {who}: a validator"))
        if master in masters:
            raise Malformed(f"the list of {who} names {key_text(master)} twice")
        masters[master] = None
        if "manifest" not in row:
            continue
        # The publisher signed the list as it is. A manifest that cannot be used makes a validator
        # that cannot sign; refusing the list for it would stop everybody who follows it.
        try:
            manifest = Manifest.from_base64(row["manifest"])
            if manifest.master != master:
                raise NotProven(f"{key_text(master)} has the manifest of another validator")
        except TrustError as error:
            unusable.append(str(error))
        else:
            manifests.append(manifest)
    return tuple(masters), tuple(manifests), tuple(unusable)


def _json(data: bytes, what: str) -> Mapping[str, Any]:
    if len(data) > 2 * _LIMIT:
        raise Malformed(f"{what} has {len(data)} bytes, more than the {2 * _LIMIT} that are read")
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"{what} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise Malformed(f"{what} is not a JSON object")
    return content


def _text(holder: Mapping[str, Any], key: str, what: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str):
        raise Malformed(f"{what} has no {key}")
    return value


def _hex(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Malformed(f"{what} is not in hex") from None


def _number(content: Mapping[str, Any], key: str, who: str) -> int:
    value = content.get(key)
    if type(value) is not int or not 0 <= value <= _FOREVER:
        raise Malformed(f"the list of {who}: {key} is not a number of 32 bits")
    return value
