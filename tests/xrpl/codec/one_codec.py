"""Holds the compiled codec against the one in Python: they must say the same of any bytes."""

from __future__ import annotations

import gzip
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import orjson

from ekspiper.core import Permanent
from ekspiper.xrpl.codec import (
    AddressCache,
    CodecError,
    Decoder,
    Definitions,
    NodeFilter,
    TransactionBlobs,
    _compiled_codec,
    line_reader,
)
from ekspiper.xrpl.derive import BALANCE_NODES, POOL_NODES, TRADE_NODES
from ekspiper.xrpl.ledger import Ledger, Transaction
from ekspiper.xrpl.processors import OFFER_NODES, LedgerObjectRecord, TransactionEtl
from ekspiper.xrpl.schema import DecodedRules, Formats, RecordLines
from ekspiper.xrpl.sources import ObjectPage
from ekspiper.xrpl.verify import parse_ledger

__all__ = ["Both", "blobs_of", "ledgers_in", "mutated", "pages_in"]


_FILTERS = (NodeFilter(), OFFER_NODES, POOL_NODES, TRADE_NODES, BALANCE_NODES)


def pure_decoder(definitions: Definitions, shape: Any) -> Decoder:
    """A decoder without the compiled one inside."""
    with mock.patch.object(_compiled_codec, "compiled", None):
        return Decoder(definitions, shape=shape)


@dataclass
class Both:
    """Both codecs for one set of definitions."""

    definitions: Definitions

    def __post_init__(self) -> None:
        self.decoder = pure_decoder(self.definitions, "record")
        self.readers = {
            shape: (
                pure_decoder(self.definitions, shape),
                _compiled_codec.compiled.ObjectReader(
                    _compiled_codec.field_codes(self.definitions),
                    AddressCache(),
                    shape == "record",
                ),
            )
            for shape in ("record", "server")
        }
        self.choices = {
            nodes: _compiled_codec.compiled.NodeChoice(
                _compiled_codec.field_codes(self.definitions), nodes.by_code(self.definitions)
            )
            for nodes in _FILTERS
        }
        rules = DecodedRules(Formats(self.definitions))
        self.lines = RecordLines(rules)
        self.encoder = line_reader(self.definitions, ())
        self.etl = TransactionEtl(self.definitions)
        self.objects_etl = LedgerObjectRecord(self.definitions)

    def objects(self, blob: bytes) -> bool:
        """Whether the compiled one reads it; then it must have read the same, in the same order."""
        read = False
        for pure, reader in self.readers.values():
            ours = reader.read(blob)
            assert reader.is_ordinary(blob) == (ours is not None)
            if ours is None:
                for choice in self.choices.values():
                    assert reader.read(blob, choice) is None
                continue
            read = True
            theirs = pure._decode(blob, "blob")
            assert ours == theirs
            assert orjson.dumps(ours) == orjson.dumps(theirs)
            for nodes, choice in self.choices.items():
                assert reader.read(blob, choice) == nodes.shown(theirs)
        return read

    def bytes_again(self, fields: dict[str, Any], blob: bytes) -> bool:
        """Whether the compiled one encodes what was decoded; then it must be the same bytes."""
        written = self.encoder.object(orjson.dumps(fields))
        assert written in (None, blob)
        return written is not None

    def line(self, transaction: Transaction) -> bool:
        """Whether the compiled one writes it; then it must have written the same."""
        line = self.lines.transaction(transaction, self.etl.network_id)
        twice = self.lines.ledger(
            transaction.ledger, self.etl.network_id, **blobs_of([transaction] * 2)
        )
        assert twice == (None if line is None else 2 * line)
        if line is None:
            return False
        record = self.etl.record(transaction)
        assert "_unrecognized" not in record
        assert line == orjson.dumps(record) + b"\n"
        return True

    def object_line(self, page: ObjectPage, index: str, data: str) -> bool:
        """Whether the compiled one writes the object; then it must have written the same."""
        line = self.lines.ledger_object(
            bytes.fromhex(data),
            index=index,
            ledger_index=page.ledger_index,
            ledger_hash=page.ledger_hash,
        )
        if line is None:
            return False
        record = self.objects_etl.record(page, index, data)
        assert "_unrecognized" not in record
        assert line == orjson.dumps(record) + b"\n"
        return True

    def page(self, page: ObjectPage) -> bool:
        """Whether the compiled one writes the page in one piece: that of its lines one by one."""
        made = self.lines.ledger_objects(page)
        lines = [
            self.lines.ledger_object(
                bytes.fromhex(data),
                index=index,
                ledger_index=page.ledger_index,
                ledger_hash=page.ledger_hash,
            )
            for index, data in page.wanted()
        ]
        whole = [line for line in lines if line is not None]
        assert made == ((b"".join(whole), len(whole)) if len(whole) == len(lines) else None)
        return made is not None

    def altered(self, transaction: Transaction, tx_blob: bytes, meta_blob: bytes) -> Transaction:
        """The transaction with other bytes."""
        return Transaction(
            tx_blob=tx_blob,
            meta_blob=meta_blob,
            hash=transaction.hash,
            index=transaction.index,
            ledger=transaction.ledger,
            decoder=self.decoder,
        )

    def refuses(self, transaction: Transaction) -> bool:
        """Whether the codec in Python raises for it."""
        try:
            self.etl.record(transaction)
        except (CodecError, Permanent, KeyError):
            return True
        return False


def blobs_of(transactions: Sequence[Transaction]) -> dict[str, bytes]:
    """Transactions as `RecordLines.ledger` takes them."""
    data, spans = bytearray(), array("I")
    for each in transactions:
        for blob in (each.tx_blob, each.meta_blob):
            spans.extend((len(data), len(blob)))
            data += blob
    ids = b"".join(bytes.fromhex(each.hash) for each in transactions)
    return {"data": bytes(data), "spans": spans.tobytes(), "ids": ids}


def ledgers_in(folder: Path, decoder: Decoder) -> Iterator[Ledger]:
    """The ledgers of a recording."""
    with gzip.open(folder / "ledger_v2_binary.jsonl.gz") as lines:
        for line in lines:
            yield parse_ledger(orjson.loads(line)["response"]["result"], decoder=decoder)


def pages_in(file: Path) -> Iterator[ObjectPage]:
    """The pages of a recorded state."""
    with gzip.open(file) as lines:
        for line in lines:
            result = orjson.loads(line)["response"]["result"]
            objects = tuple((each["index"], each["data"]) for each in result["state"])
            yield ObjectPage(
                ledger_index=int(result["ledger_index"]),
                ledger_hash=result["ledger_hash"],
                prefix="",
                objects=objects,
                last=False,
            )


def mutated(blob: bytes, random_: random.Random) -> bytes:
    """The blob with a few bytes flipped, cut out, doubled, or put in."""
    data = bytearray(blob)
    for _ in range(random_.choice((1, 1, 1, 2, 4))):
        at = random_.randrange(len(data) + 1)
        kind = random_.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << random_.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = random_.choice((0, 1, 0xE1, 0xF1, 0xFF, random_.randrange(256)))
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + random_.choice((1, 2, 4, 8, 20, 32))]
        elif kind == 4:
            data[at:at] = data[at : at + random_.choice((1, 4, 9, 21, 33))]
        else:
            data[at:at] = random_.randbytes(random_.choice((1, 2, 4, 8)))
    return bytes(data)


def assert_taken_out(frame: bytes, rest: bytes, blobs: TransactionBlobs) -> None:
    """The rest and the blobs together are the frame."""
    taken = sorted((key.hex(), tx.hex(), meta.hex()) for key, tx, meta in blobs)
    for rows in _left_out(orjson.loads(frame), orjson.loads(rest)):
        assert taken == sorted(
            (each["hash"].lower(), each["tx_blob"].lower(), each["meta_blob"].lower())
            for each in rows
        )


def _left_out(whole: Any, rest: Any) -> Iterator[Any]:
    """The lists that are null in the rest; all else must be equal."""
    if isinstance(whole, list) and rest is None:
        yield whole
    elif isinstance(whole, dict) and isinstance(rest, dict):
        assert [*whole] == [*rest]
        for name in whole:
            yield from _left_out(whole[name], rest[name])
    elif isinstance(whole, list) and isinstance(rest, list):
        assert len(whole) == len(rest)
        for one, other in zip(whole, rest, strict=True):
            yield from _left_out(one, other)
    else:
        assert whole == rest
