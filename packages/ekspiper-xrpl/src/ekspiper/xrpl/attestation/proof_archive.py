"""The archive: the proofs of signed ledgers in one file, a line each.

Servers do not keep validations. To show later that a ledger was signed, they must be kept
when they are sent. One ledger in 256 suffices: those before it follow from headers.

Lines are JSON objects of three kinds:

    {"kind": "list", "id", "public_key", "manifest", "blob", "signature"}
    {"kind": "proof", "list" or "validators", "header", "manifests", "validations"}
    {"kind": "state", "header", "tree"}

A list stands before the first proof that names it by its id, and only once. Bytes are base64, keys
hex. `tree` is the state of a proven ledger with everything cut away but its `LedgerHashes` objects.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from ekspiper.core import ConfigError, Retryable
from ekspiper.xrpl.codec import LedgerHeader, sha512half
from ekspiper.xrpl.trust import (
    Malformed,
    Manifest,
    Node,
    SignedLedger,
    TrustError,
    Validation,
    ValidatorList,
    decode_base64,
    encode_base64,
    read_header,
    read_key,
    read_tree,
    written_tree,
)

__all__ = ["ARCHIVE_NAME", "ArchivedState", "ProofArchive", "read_archive"]

ARCHIVE_NAME = "proofs.jsonl"
"""The file's name, beside the records."""

_LONGEST_LINE = 256 * 1024 * 1024  # all long lists of mainnet have about 20 MB
# Of one value in base64; a list of 1,000 validators has less than one megabyte.
_LIMIT = 8 * 1024 * 1024

ArchivedState = tuple[LedgerHeader, Node]
"""A ledger, and its state with all but the skip lists cut away."""


class ProofArchive:
    """Appends proofs to a file. A line that a crash left half written is removed when it is opened.

    Args:
        path: the file; made with the first proof.

    Raises:
        ConfigError: it cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lists: set[str] = set()
        self.newest = 0
        """The newest ledger in it."""
        self._repair()

    def _repair(self) -> None:
        try:
            if not self.path.exists():
                return
            with self.path.open("rb+") as file:
                size = _whole_lines(file.fileno())
                file.truncate(size)
            for line in _lines(self.path):
                held = orjson.loads(line)
                if held.get("kind") == "list":
                    self._lists.add(held["id"])
                elif held.get("kind") == "proof":
                    header = read_header(_bytes(held, "header"))
                    self.newest = max(self.newest, header.ledger_index)
        except OSError as error:
            raise ConfigError(f"cannot write to {self.path}: {error.strerror or error}") from error
        except (orjson.JSONDecodeError, TrustError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"{self.path} is not an archive of proofs ({error}): move it away"
            ) from error

    def add(self, signed: SignedLedger) -> None:
        """Append a proof; it is on the disk when this returns.

        Raises:
            Retryable: it cannot be written, for example because the disk is full.
        """
        lines = []
        source: dict[str, Any]
        if signed.validator_list is not None:
            name = _list_id(signed.validator_list)
            # A list has twice the bytes of a proof, and holds for weeks.
            if name not in self._lists:
                lines.append(_list_line(signed.validator_list, name))
            source = {"list": name}
        else:
            source = {"validators": [key.hex().upper() for key in signed.validators]}
        lines.append(
            {
                "kind": "proof",
                "ledger_index": signed.ledger_index,
                **source,
                "header": encode_base64(signed.header.to_bytes()),
                "manifests": [encode_base64(each.data) for each in signed.manifests],
                "validations": [encode_base64(each.data) for each in signed.validations],
            }
        )
        self._append(lines)
        self._lists.update(line["id"] for line in lines if line["kind"] == "list")
        self.newest = max(self.newest, signed.ledger_index)

    def add_state(self, header: LedgerHeader, tree: Node) -> None:
        """Append the skip lists of the state of a ledger."""
        line = {
            "kind": "state",
            "ledger_index": header.ledger_index,
            "header": encode_base64(header.to_bytes()),
            "tree": written_tree(tree),
        }
        self._append([line])

    def _append(self, lines: list[dict[str, Any]]) -> None:
        data = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        # One write in append mode: a kill leaves whole lines, or one that is cut off at its end.
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        size = os.fstat(handle).st_size
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError as error:
            # A full disk may take half a line, and the next one must not be joined to it.
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise Retryable(f"cannot write to {self.path}: {error.strerror or error}") from error
        finally:
            os.close(handle)


def read_archive(
    path: Path, *, faults: Callable[[str], None] | None = None
) -> Iterator[SignedLedger | ArchivedState]:
    """The proofs in an archive, in its order; a half line at the end is left out.

    What is read is genuine in its parts, as every signature of lists and manifests is checked. Its
    verdicts have still to be asked for.

    Args:
        faults: called with what is wrong with a line, which is then left out; without it, the
            first such line is an error.

    Raises:
        TrustError: a line cannot be read; says which.
    """
    lists: dict[str, ValidatorList] = {}
    for number, line in enumerate(_lines(path), 1):
        try:
            held = _object(line)
            if held.get("kind") == "list":
                lists[str(held.get("id"))] = _read_list(held)
            elif held.get("kind") == "state":
                yield read_header(_bytes(held, "header")), read_tree(held.get("tree"))
            else:
                yield _read_proof(held, lists)
        except TrustError as error:
            text = f"{path}, line {number}: {error}"
            if faults is None:
                raise type(error)(text) from error
            faults(text)


def _read_list(held: Mapping[str, Any]) -> ValidatorList:
    found = ValidatorList.from_signed(
        public_key=_key(held.get("public_key")),
        manifest=Manifest.from_base64(held.get("manifest")),
        blob=_bytes(held, "blob"),
        signature=_bytes(held, "signature"),
    )
    # Proofs name their list by this id: with another one a proof could be judged by a wrong list.
    if _list_id(found) != held.get("id"):
        raise Malformed("a list has another id than its content gives")
    return found


def _read_proof(held: Mapping[str, Any], lists: Mapping[str, ValidatorList]) -> SignedLedger:
    if held.get("kind") != "proof":
        raise Malformed(f"a line of the kind {held.get('kind')!r:.20} is not known")
    source = None
    validators: tuple[bytes, ...] = ()
    if "validators" in held:
        validators = tuple(_key(text) for text in _list(held, "validators"))
    else:
        source = lists.get(str(held.get("list")))
        if source is None:
            raise Malformed("the list of a proof is not in the archive before it")
    return SignedLedger(
        header=read_header(_bytes(held, "header")),
        validations=tuple(
            Validation.from_bytes(decode_base64(text, "a validation", limit=_LIMIT))
            for text in _list(held, "validations")
        ),
        validator_list=source,
        manifests=tuple(Manifest.from_base64(text) for text in _list(held, "manifests")),
        validators=validators,
    )


def _list_line(source: ValidatorList, name: str) -> dict[str, Any]:
    return {
        "kind": "list",
        "id": name,
        "public_key": source.publisher.hex().upper(),
        "manifest": encode_base64(source.publisher_manifest.data),
        "blob": encode_base64(source.blob),
        "signature": encode_base64(source.signature),
    }


def _list_id(source: ValidatorList) -> str:
    """What names a list within an archive; the signer counts, as several may sign one blob."""
    digest = sha512half(source.publisher_manifest.data + source.signature + source.blob)
    return digest.hex().upper()[:16]


def _object(line: bytes) -> dict[str, Any]:
    try:
        held = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"it is not JSON: {error}") from None
    if not isinstance(held, dict):
        raise Malformed("it is not a JSON object")
    return held


def _bytes(held: Mapping[str, Any], name: str) -> bytes:
    return decode_base64(held.get(name), name, limit=_LIMIT)


def _list(held: Mapping[str, Any], name: str) -> list[Any]:
    rows = held.get(name)
    if not isinstance(rows, list) or len(rows) > 1000:
        raise Malformed(f"{name} is not a list of at most 1000")
    return rows


def _key(text: Any) -> bytes:
    if not isinstance(text, str):
        raise Malformed("a key is not text")
    return read_key(text)


def _lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file."""
    with path.open("rb") as file:
        while (line := file.readline(_LONGEST_LINE)).endswith(b"\n"):
            yield line


def _whole_lines(handle: int) -> int:
    """How many bytes of a file are whole lines."""
    position = os.fstat(handle).st_size
    while position:
        size = min(65_536, position)
        found = os.pread(handle, size, position - size).rfind(b"\n")
        if found >= 0:
            return position - size + found + 1
        position -= size
    return 0
