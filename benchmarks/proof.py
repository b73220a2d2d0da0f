"""What it costs to prove a transaction, part by part, and what the compiled proof is worth.

    python benchmarks/proof.py [FOLDER] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. Processor time for each transaction
with its metadata, the best of the rounds, in which all parts take turns. In Python: JSON to objects,
hex to bytes, ids, leaves and tree. Compiled: the frame to one buffer, and from there to the root. Then
SHA-512 alone, by hashlib and side by side on one, four and eight lanes, over the same messages; and the
two halves of `ekspiper verify --deep`, from lines to bytes and back.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any
from unittest import mock

import orjson
from reading_peers import host

from ekspiper.xrpl.audit.encode_record import MADE
from ekspiper.xrpl.codec import (
    Definitions,
    TransactionBlobs,
    _compiled_codec,
    encode_length,
    implementation,
    line_reader,
)
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.schema import DecodedRules, Formats, RecordLines
from ekspiper.xrpl.verify import parse_ledger, verify_ledger

TARGET = 4.0

Part = Callable[[], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(SAMPLE))
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    if implementation() != "compiled":
        print("the compiled codec is not built: hatch run dev:codec", file=sys.stderr)
        return 2
    with gzip.open(arguments.folder / "ledger_v2_binary.jsonl.gz") as file:
        frames = [orjson.dumps(orjson.loads(line)["response"]) for line in file]
    ledgers = [parse_ledger(orjson.loads(frame)["result"]) for frame in frames]
    count = sum(each.transaction_count for each in ledgers)
    print(f"{len(ledgers)} ledgers, {count:,} transactions; {host()}")
    parts = {
        "Python: frame to objects": lambda: [orjson.loads(frame) for frame in frames],
        "Python: read and prove": pure(frames),
        **compiled(frames, ledgers),
        **hashes(ledgers),
        **audited(ledgers),
    }
    taken = measure(parts, arguments.rounds)
    for name, seconds in taken.items():
        print(f"  {name:<36}{seconds / count * 1e6:7.2f} us")
    python = taken["Python: frame to objects"] + taken["Python: read and prove"]
    ratio = python / (taken["compiled: frame to buffer"] + taken["compiled: read and prove"])
    print(
        f"from the frame to a proven ledger, compiled is {ratio:.1f} times as fast as in Python "
        f"(target {TARGET:g}{', MISSED' if ratio < TARGET else ''})"
    )
    return int(ratio < TARGET)


def measure(parts: dict[str, Part], rounds: int) -> dict[str, float]:
    """Processor seconds of each, the best of the rounds."""
    seconds = dict.fromkeys(parts, float("inf"))
    for _ in range(rounds):
        for name, part in parts.items():
            began = process_time()
            part()
            seconds[name] = min(seconds[name], process_time() - began)
    return seconds


def prove(answers: list[Any]) -> None:
    for answer in answers:
        verify_ledger(parse_ledger(answer))


def pure(frames: list[bytes]) -> Part:
    """The proof in Python."""
    answers = [orjson.loads(frame)["result"] for frame in frames]

    def part() -> None:
        with mock.patch.object(_compiled_codec, "proof", None):
            prove(answers)

    return part


def compiled(frames: list[bytes], ledgers: list[Ledger]) -> dict[str, Part]:
    """The compiled proof; the tree is a part of it."""
    answers = [_packed(frame)["result"] for frame in frames]
    blobs = [each.blobs for each in ledgers if each.blobs is not None]
    return {
        "compiled: frame to buffer": lambda: [_packed(frame) for frame in frames],
        "compiled: read and prove": lambda: prove(answers),
        "  of that ids, leaves and tree": lambda: [each.root() for each in blobs],
    }


def _packed(frame: bytes) -> Any:
    """The answer as the client hands it on."""
    found = TransactionBlobs.of_frame(frame)
    if found is None:  # without transactions
        return orjson.loads(frame)
    text, blobs = found
    answer = orjson.loads(text)
    answer["result"]["ledger"]["transactions"] = blobs
    return answer


def hashes(ledgers: list[Ledger]) -> dict[str, Part]:
    """SHA-512 of what ids and leaves are the hashes of."""
    messages = []
    for ledger in ledgers:
        for each in ledger.transactions:
            inside = encode_length(len(each.meta_blob)) + each.meta_blob
            leaf = b"SND\0" + encode_length(len(each.tx_blob)) + each.tx_blob + inside + bytes(32)
            messages += [b"TXN\0" + each.tx_blob, leaf]
    hash_many = _compiled_codec.proof.hash_many
    return {
        "SHA-512: hashlib": lambda: [hashlib.sha512(each).digest()[:32] for each in messages],
        **{
            f"SHA-512: ours, at most {lanes} at once": lambda lanes=lanes: hash_many(
                messages, lanes
            )
            for lanes in (1, 4, 8)
        },
    }


def audited(ledgers: list[Ledger]) -> dict[str, Part]:
    """From lines to bytes, and from bytes to lines."""
    definitions = Definitions.bundled()
    writer = RecordLines(DecodedRules(Formats(definitions)))
    reader = line_reader(definitions, MADE)

    def written(ledger: Ledger) -> bytes | None:
        blobs = ledger.blobs
        assert blobs is not None
        return writer.ledger(ledger, 0, data=blobs.data, spans=blobs.spans, ids=blobs.ids)

    lines = [text for ledger in ledgers if (text := written(ledger))]
    return {
        "lines: to bytes": lambda: [reader.ledger(text, 0) for text in lines],
        "lines: from bytes": lambda: [written(ledger) for ledger in ledgers],
        "lines: orjson.loads of them": lambda: [
            orjson.loads(line) for text in lines for line in text.splitlines()
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
