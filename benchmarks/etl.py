"""How fast records of transactions are checked and made, side by side in one run.

    python benchmarks/etl.py [FILE]

- `decoded`: `TransactionEtl.record` of transactions that the decoder has already decoded
- `json`: `TransactionEtl.normalise` of the same transactions as a server prints them
- `peer`: a recursive validator, then a recursive transformer, each on its own deep copy, that
  walk the schema of the table, as loaders of warehouses do
- `peer 2`: the same that walk the record instead, with all the checks that `json` makes
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
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import msgpack
import orjson

from ekspiper.xrpl import replay
from ekspiper.xrpl.codec import Decoder
from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.processors import TransactionEtl
from ekspiper.xrpl.schema import INNER_FORMATS, NAMED_FIELDS, NODE_OBJECTS, Field, Formats
from ekspiper.xrpl.verify import parse_ledger

SAMPLE = Path(replay.__file__).parent / "sample" / "ledger_v2_binary.jsonl.gz"
SAMPLE_SIZE = 1000
TARGET = 3
AT_ONCE = 20
ROUNDS = 10

LIMITS = {"UInt8": 0xFF, "UInt16": 0xFFFF, "UInt32": 0xFFFFFFFF}
SIZES = {"Hash128": 32, "Hash160": 40, "Hash192": 48, "Hash256": 64}
WHOLE = re.compile(r"-?\d+")
DECIMAL = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")

Json = dict[str, Any]


class DeepCopyEtl:
    """The same checks and the same outcome, written the usual way.

    Walks a deep copy of the transaction and collects what is wrong, each with its path; then walks
    another deep copy and changes what has another shape in records.
    """

    def __init__(self, formats: Formats) -> None:
        self.types = formats.types
        self.transactions = formats.transactions
        self.entries = formats.ledger_entries

    def process(self, item: Json) -> Json:
        record, errors = self.validate(item)
        return self.transform(record, errors)

    def validate(self, item: Json) -> tuple[Json, list[str]]:
        record, errors = copy.deepcopy(item), list[str]()
        fields = record["tx_json"]
        allowed = self.transactions[fields["TransactionType"]]
        self.validate_object("tx_json", fields, allowed, errors)
        meta = record["meta"]
        for name in ("TransactionIndex", "TransactionResult", "AffectedNodes"):
            if name not in meta:
                errors.append(f"meta.{name} is missing")
        for at, element in enumerate(meta["AffectedNodes"]):
            for kind, node in element.items():
                self.validate_node(f"meta.AffectedNodes[{at}].{kind}", kind, node, errors)
        return record, errors

    def validate_node(self, path: str, kind: str, node: Json, errors: list[str]) -> None:
        entry = dict.fromkeys(self.entries[node["LedgerEntryType"]], 1)
        for name, value in node.items():
            if name in NODE_OBJECTS[kind]:
                self.validate_object(f"{path}.{name}", value, entry, errors)
            else:
                self.validate_value(f"{path}.{name}", name, value, errors)

    def validate_object(
        self, path: str, value: Json, allowed: Mapping[str, int] | None, errors: list[str]
    ) -> None:
        for name, one in value.items():
            if name not in self.types or (allowed is not None and name not in allowed):
                errors.append(f"{path}.{name} is unknown")
            else:
                self.validate_value(f"{path}.{name}", name, one, errors)
        for name, optionality in (allowed or {}).items():
            if optionality == 0 and name not in value:
                errors.append(f"{path}.{name} is missing")

    def validate_value(self, path: str, name: str, value: Any, errors: list[str]) -> None:
        type_ = self.types[name]
        if type_ == "Amount":
            self.validate_amount(path, value, errors)
        elif type_ in LIMITS and name not in NAMED_FIELDS:
            if not isinstance(value, int) or not 0 <= value <= LIMITS[type_]:
                errors.append(f"{path} is no {type_}")
        elif type_ in SIZES:
            if not isinstance(value, str) or len(value) != SIZES[type_]:
                errors.append(f"{path} is no {type_}")
        elif type_ == "STObject":
            self.validate_object(path, value, INNER_FORMATS.get(name), errors)
        elif type_ == "STArray":
            for at, element in enumerate(value):
                for kind, inner in element.items():
                    inner_path = f"{path}[{at}].{kind}"
                    self.validate_object(inner_path, inner, INNER_FORMATS.get(kind), errors)
        elif type_ == "PathSet":
            for at, steps in enumerate(value):
                for step in steps:
                    for key, one in step.items():
                        if not isinstance(one, int if key == "type" else str):
                            errors.append(f"{path}[{at}].{key} is of a wrong type")
        elif type_ == "Vector256":
            for at, one in enumerate(value):
                if not isinstance(one, str) or len(one) != SIZES["Hash256"]:
                    errors.append(f"{path}[{at}] is not a hash")
        elif type_ not in ("Issue", "XChainBridge") and not isinstance(value, str):
            errors.append(f"{path} is not text")

    def validate_amount(self, path: str, value: Any, errors: list[str]) -> None:
        if isinstance(value, str):
            if not WHOLE.fullmatch(value):
                errors.append(f"{path} is not a number of drops")
        elif isinstance(value, dict) and set(value) == {"currency", "issuer", "value"}:
            for key, one in value.items():
                if not isinstance(one, str):
                    errors.append(f"{path}.{key} is not text")
            if not DECIMAL.fullmatch(value["value"]):
                errors.append(f"{path}.value is not a number")
        else:
            errors.append(f"{path} is not an amount")

    def transform(self, item: Json, errors: list[str]) -> Json:
        record = copy.deepcopy(item)
        fields = record.pop("tx_json")
        out = {**record, **self.transform_value(fields)}
        out["meta"] = self.transform_value(record["meta"])
        if errors:
            out["errors"] = errors
        return out

    def transform_value(self, value: Any, name: str = "") -> Any:
        type_ = self.types.get(name)
        if type_ == "Amount" and isinstance(value, str):
            return {"currency": "XRP", "issuer": "", "value": value}
        if type_ == "PathSet":
            return [{"steps": [self.transform_value(step) for step in path]} for path in value]
        if isinstance(value, dict):
            return {key: self.transform_value(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [self.transform_value(one) for one in value]
        return value


class SchemaWalkEtl:
    """Validates a deep copy and transforms another, both by walking the schema of the table.

    How loaders of warehouses do it: for each column, at any depth, look whether the record has it.
    """

    def __init__(self, formats: Formats) -> None:
        own = ("meta", "_unrecognized", "delivered_amount", "ctid")
        table = formats.transactions_table(nodes="struct")
        self.fields = [one for one in table.fields if one.name not in own]
        self.meta = formats.metadata("struct")

    def process(self, item: Json) -> Json:
        record = copy.deepcopy(item)
        fields, meta = record.pop("tx_json"), record.pop("meta")
        record.pop("validated")
        errors: list[str] = []
        self.validate(self.fields, {**record, **fields}, "", errors)
        self.validate(self.meta.fields, meta, "meta", errors)
        if errors:
            raise ValueError("; ".join(errors))
        again = copy.deepcopy({**record, **fields})
        out = self.transform(self.fields, again)
        out["meta"] = self.transform(self.meta.fields, copy.deepcopy(meta))
        return out

    def validate(self, fields: Sequence[Field], value: Json, path: str, errors: list[str]) -> None:
        for field in fields:
            if field.name in value:
                self.validate_field(field, value[field.name], f"{path}.{field.name}", errors)
            elif field.required:
                errors.append(f"{path}.{field.name} is missing")
        for name in value.keys() - {field.name for field in fields}:
            errors.append(f"{path}.{name} is unknown")

    def validate_field(self, field: Field, value: Any, path: str, errors: list[str]) -> None:
        if field.type == "Amount" and isinstance(value, str):
            if not WHOLE.fullmatch(value):
                errors.append(f"{path} is not a number of drops")
        elif field.type == "PathSet":
            for at, steps in enumerate(value):
                for step in steps:
                    self.validate(field.fields[0].fields, step, f"{path}[{at}]", errors)
        elif field.repeated:
            for at, one in enumerate(value):
                self.validate_one(field, one, f"{path}[{at}]", errors)
        else:
            self.validate_one(field, value, path, errors)

    def validate_one(self, field: Field, value: Any, path: str, errors: list[str]) -> None:
        if field.kind == "struct":
            self.validate(field.fields, value, path, errors)
        elif field.kind == "integer":
            if not isinstance(value, int) or not 0 <= value <= LIMITS[field.type]:
                errors.append(f"{path} is no {field.type}")
        elif not isinstance(value, str) or len(value) != SIZES.get(field.type, len(value)):
            errors.append(f"{path} is no {field.type}")

    def transform(self, fields: Sequence[Field], value: Json) -> Json:
        out = {}
        for field in fields:
            if field.name in value:
                out[field.name] = self.transform_field(field, value[field.name])
        return out

    def transform_field(self, field: Field, value: Any) -> Any:
        if field.type == "Amount" and isinstance(value, str):
            return {"currency": "XRP", "issuer": "", "value": value}
        if field.type == "PathSet":
            steps = field.fields[0].fields
            return [{"steps": [self.transform(steps, step) for step in path]} for path in value]
        if field.kind != "struct":
            return value
        if field.repeated:
            return [self.transform(field.fields, one) for one in value]
        return self.transform(field.fields, value)


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
    _check(items)
    rates = _measure(transactions, items)
    for name, rate in rates.items():
        print(f"{name:8} {rate:10,.0f} transactions/s, {1e6 / rate:7.1f} µs each")
    ratio = rates["json"] / rates["peer"]
    verdict = "" if ratio >= TARGET else ", MISSED"
    print(
        f"json is {ratio:.1f} x the peer (target {TARGET}{verdict}), "
        f"{rates['json'] / rates['peer 2']:.1f} x peer 2, "
        f"{rates['json'] / rates['limit']:.2f} of the limit"
    )
    return 0


def _transactions(file: Path) -> list[Transaction]:
    with gzip.open(file) as lines:
        answers = [json.loads(line)["response"]["result"] for line in lines if line.strip()]
    return [one for answer in answers for one in parse_ledger(answer).transactions]


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


def _check(items: Sequence[Json]) -> None:
    """Both make the same of everything, but for the fields that the pipeline adds."""
    etl = TransactionEtl()
    peers = SchemaWalkEtl(Formats()), DeepCopyEtl(Formats())
    for item in items[:: max(1, len(items) // SAMPLE_SIZE)]:
        ours = etl.normalise(item)
        for peer in peers:
            theirs = peer.process(item)
            theirs.pop("validated", None)
            assert theirs == {name: ours[name] for name in theirs}


def _measure(transactions: Sequence[Transaction], items: Sequence[Json]) -> dict[str, float]:
    """The best of a few rounds; each measures everything, so that all share the machine's mood.

    All get the same transactions, spread over the whole recording, and each of them right after
    it was read, as in a pipeline.
    """
    etl = TransactionEtl()
    step = max(1, len(items) // SAMPLE_SIZE)
    decode, load = partial(_decoded_anew, Decoder(shape="record")), orjson.loads
    texts = [orjson.dumps(item) for item in items[::step]]
    work: dict[str, tuple[Callable[[Any], Any], Callable[[Any], object], Sequence[Any]]] = {
        "decoded": (decode, etl.record, transactions[::step]),
        "json": (load, etl.normalise, texts),
        "peer": (load, SchemaWalkEtl(Formats()).process, texts),
        "peer 2": (load, DeepCopyEtl(Formats()).process, texts),
        "limit": (bytes, lambda text: msgpack.packb(orjson.loads(text)), texts),
    }
    best = dict.fromkeys(work, 0.0)
    gc.collect()
    gc.freeze()
    for _ in range(ROUNDS):
        for name, (read, function, inputs) in work.items():
            best[name] = max(best[name], len(inputs) / _seconds(read, function, inputs))
    return best


def _seconds(
    read: Callable[[Any], Any], function: Callable[[Any], object], inputs: Sequence[Any]
) -> float:
    """Processor time of `function` alone, over all inputs."""
    seconds = 0.0
    for at in range(0, len(inputs), AT_ONCE):
        ready = [read(one) for one in inputs[at : at + AT_ONCE]]
        start = process_time()
        for one in ready:
            function(one)
        seconds += process_time() - start
    return seconds


def _decoded_anew(decoder: Decoder, transaction: Transaction) -> Transaction:
    anew = Transaction(
        tx_blob=transaction.tx_blob,
        meta_blob=transaction.meta_blob,
        hash=transaction.hash,
        index=transaction.index,
        ledger=transaction.ledger,
        decoder=decoder,
    )
    _ = anew.fields, anew.meta  # decoded once, and kept
    return anew


if __name__ == "__main__":
    sys.exit(main())
