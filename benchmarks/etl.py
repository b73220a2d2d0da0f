"""How fast records of transactions are checked and made, side by side in one run.

    python benchmarks/etl.py [FILE]

- `decoded`: `TransactionEtl.record` of transactions that the decoder has already decoded
- `json`: `TransactionEtl.normalise` of the same transactions as a server prints them
- `peer`: a recursive validator, then a recursive transformer, each on a deep copy of its own:
  the usual way, on the same JSON and the same schema
- `limit`: `orjson.loads` and `msgpack.packb` of the same transactions: read and written, not
  looked at

FILE: `{"request", "response"}` lines of `ledger` with `expand` and `binary`, gzipped; without it,
the sample that ekspiper-xrpl ships.
"""

from __future__ import annotations

import argparse
import copy
import gc
import gzip
import json
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import Any

import msgpack
import orjson

from ekspiper.xrpl import replay
from ekspiper.xrpl.codec import Decoder
from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.processors import TransactionEtl
from ekspiper.xrpl.schema import Formats
from ekspiper.xrpl.schema.inner_objects import INNER_FORMATS, NODE_OBJECTS
from ekspiper.xrpl.verify import parse_ledger

SAMPLE = Path(replay.__file__).parent / "sample" / "ledger_v2_binary.jsonl.gz"
PEER_SAMPLE = 500
TARGET = 10
ROUNDS = 5

Json = dict[str, Any]


class DeepCopyEtl:
    """Validates a deep copy against the schema, recursively; then transforms another one."""

    def __init__(self, formats: Formats) -> None:
        self.types = formats.types
        self.transactions = formats.transactions
        self.entries = formats.ledger_entries

    def process(self, item: Json) -> Json:
        validated = self.validate(item)
        return self.transform(validated)

    def validate(self, item: Json) -> Json:
        record = copy.deepcopy(item)
        fields = record["tx_json"]
        self._validate_object(fields, self.transactions[fields["TransactionType"]], required=True)
        for element in record["meta"]["AffectedNodes"]:
            for kind, node in element.items():
                for part in NODE_OBJECTS[kind]:
                    allowed = self.entries[node["LedgerEntryType"]]
                    self._validate_object(node.get(part, {}), allowed, required=False)
        return record

    def _validate_object(
        self, value: Json, allowed: Mapping[str, int] | None, *, required: bool
    ) -> None:
        for name, one in value.items():
            if allowed is not None and name not in allowed:
                raise ValueError(f"{name} is unknown")
            self._validate_value(name, one, self.types[name])
        if required and allowed is not None:
            for name, optionality in allowed.items():
                if optionality == 0 and name not in value:
                    raise ValueError(f"{name} is missing")

    def _validate_value(self, name: str, value: Any, type_: str) -> None:
        if type_ == "Amount":
            if not isinstance(value, str | dict):
                raise ValueError(f"{name} is no amount")
        elif type_ == "STObject":
            self._validate_object(value, INNER_FORMATS.get(name), required=True)
        elif type_ == "STArray":
            for element in value:
                for kind, inner in element.items():
                    self._validate_object(inner, INNER_FORMATS.get(kind), required=True)
        elif type_ in ("UInt8", "UInt16", "UInt32", "Int32"):
            if not isinstance(value, int | str):
                raise ValueError(f"{name} is no integer")
        elif type_ in ("PathSet", "Vector256"):
            if not isinstance(value, list):
                raise ValueError(f"{name} is no list")
        elif type_ not in ("Issue", "XChainBridge") and not isinstance(value, str):
            raise ValueError(f"{name} is no text")

    def transform(self, item: Json) -> Json:
        record = copy.deepcopy(item)
        fields = record.pop("tx_json")
        return {**record, **self._transform(fields), "meta": self._transform(record["meta"])}

    def _transform(self, value: Any, name: str = "") -> Any:
        type_ = self.types.get(name)
        if type_ == "Amount" and isinstance(value, str):
            return {"currency": "XRP", "issuer": "", "value": value}
        if type_ == "PathSet":
            return [{"steps": [self._transform(step) for step in path]} for path in value]
        if isinstance(value, dict):
            return {key: self._transform(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self._transform(one) for one in value]
        return value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    file = parser.parse_args().file
    if not file.is_file():
        print(f"no recording at {file}: give one", file=sys.stderr)
        return 2
    transactions = _transactions(file)
    items = _server_json(transactions)
    print(
        f"{len(items)} transactions; {platform.python_implementation()} "
        f"{platform.python_version()}, {platform.machine()}"
    )
    rates = _measure(transactions, items)
    for name, rate in rates.items():
        print(f"{name:8} {rate:10,.0f} transactions/s, {1e6 / rate:7.1f} µs each")
    ratio = rates["json"] / rates["peer"]
    verdict = "" if ratio >= TARGET else ", MISSED"
    print(
        f"json is {ratio:.1f} x the peer (target {TARGET}{verdict}), "
        f"{rates['json'] / rates['limit']:.2f} of the limit"
    )
    return 0


def _transactions(file: Path) -> list[Transaction]:
    with gzip.open(file) as lines:
        answers = [json.loads(line)["response"]["result"] for line in lines if line.strip()]
    transactions = [one for answer in answers for one in parse_ledger(answer).transactions]
    for one in transactions:
        _ = one.fields, one.meta  # decoded once, and kept
    return transactions


def _server_json(transactions: Sequence[Transaction]) -> list[Json]:
    decoder = Decoder(shape="server")
    return [
        {
            "close_time_iso": one.ledger.close_time_iso,
            "hash": one.hash,
            "ledger_hash": one.ledger.ledger_hash,
            "ledger_index": one.ledger.ledger_index,
            "meta": decoder.metadata(one.meta_blob),
            "tx_json": decoder.transaction(one.tx_blob),
            "validated": True,
        }
        for one in transactions
    ]


def _measure(transactions: Sequence[Transaction], items: Sequence[Json]) -> dict[str, float]:
    """The best of a few rounds; each measures everything, so that all share the machine's mood."""
    etl, peer = TransactionEtl(), DeepCopyEtl(Formats())
    step = max(1, len(items) // PEER_SAMPLE)
    texts = [orjson.dumps(item) for item in items]
    work: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        "decoded": (etl.record, transactions),
        "json": (etl.normalise, items),
        "peer": (peer.process, items[::step]),
        "limit": (lambda text: msgpack.packb(orjson.loads(text)), texts),
    }
    best = dict.fromkeys(work, 0.0)
    gc.collect()
    gc.freeze()
    for _ in range(ROUNDS):
        for name, (function, inputs) in work.items():
            start = process_time()
            for one in inputs:
                function(one)
            best[name] = max(best[name], len(inputs) / (process_time() - start))
    return best


if __name__ == "__main__":
    sys.exit(main())
