"""How fast blobs are decoded and encoded, against xrpl-py on the same blobs in the same run.

    python benchmarks/codec.py [FILE]

FILE: `{"request", "response"}` lines of `ledger` with `expand` and `binary`, gzipped; without it,
the sample that ekspiper-xrpl ships.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import random
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from xrpl.core.binarycodec import decode, encode

from ekspiper.xrpl import replay
from ekspiper.xrpl.codec import Decoder, Encoder, Shape, state_root, transaction_index
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.verify import parse_ledger, verify_ledger

SAMPLE = Path(replay.__file__).parent / "sample" / "ledger_v2_binary.jsonl.gz"
PEER_SAMPLE = 300
TARGET = 150
SHAPES: tuple[Shape, ...] = ("server", "record")

Blobs = Sequence[tuple[bytes, bytes]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    file = parser.parse_args().file
    if not file.is_file():
        print(f"no recording at {file}: give one", file=sys.stderr)
        return 2
    with gzip.open(file) as lines:
        results = [json.loads(line)["response"]["result"] for line in lines]
    blobs = [
        (bytes.fromhex(row["tx_blob"]), bytes.fromhex(row["meta_blob"]))
        for result in results
        for row in result["ledger"]["transactions"]
    ]
    size = sum(len(tx) + len(meta) for tx, meta in blobs)
    print(f"{len(blobs)} transactions with metadata, {size / len(blobs):.0f} bytes each; {_host()}")
    _decoding(blobs)
    _encoding(blobs)
    _hashing(results, len(blobs))
    return 0


def _decoding(blobs: Blobs) -> None:
    peer = random.Random(0).sample(blobs, min(PEER_SAMPLE, len(blobs)))
    peer_hex = [(tx.hex().upper(), meta.hex().upper()) for tx, meta in peer]
    peer_rate = _best(
        len(peer), lambda: [(decode(tx), decode(meta)) for tx, meta in peer_hex], times=3
    )
    print(f"xrpl-py {version('xrpl-py')} decode: {peer_rate:10,.0f}/s (on {len(peer)} of them)")
    for shape in SHAPES:
        cold = _rate(len(blobs), partial(_decode_all, Decoder(shape=shape), blobs))
        warm = _best(len(blobs), partial(_decode_all, Decoder(shape=shape), blobs))
        sample = _best(len(peer), partial(_decode_all, Decoder(shape=shape), peer))
        ratio = sample / peer_rate
        print(
            f"decoder, {shape} shape:   {warm:10,.0f}/s ({cold:,.0f}/s with empty caches); on the "
            f"peer's sample {ratio:.0f} x xrpl-py (target {TARGET}"
            f"{'' if ratio >= TARGET else ', MISSED'})"
        )
    index = _rate(len(blobs), lambda: [transaction_index(meta) for _, meta in blobs])
    print(f"transaction_index:       {index:10,.0f}/s")


def _encoding(blobs: Blobs) -> None:
    decoder, encoder = Decoder(), Encoder()
    objects = [(decoder.transaction(tx), decoder.metadata(meta)) for tx, meta in blobs]
    peer = random.Random(0).sample(objects, min(PEER_SAMPLE, len(objects)))
    peer_rate = _best(len(peer), lambda: [(encode(tx), encode(meta)) for tx, meta in peer])

    def ours(some: Sequence[Any]) -> None:
        for tx, meta in some:
            encoder.encode(tx)
            encoder.encode(meta)

    rate = _best(len(objects), partial(ours, objects))
    print(
        f"encoder:                 {rate:10,.0f}/s; xrpl-py {peer_rate:,.0f}/s; on the peer's "
        f"sample {_best(len(peer), partial(ours, peer)) / peer_rate:.0f} x that"
    )


def _hashing(results: Sequence[dict[str, Any]], transactions: int) -> None:
    ledgers = [parse_ledger(result) for result in results]
    parse = _rate(transactions, lambda: [parse_ledger(result) for result in results])
    verify = _best(transactions, partial(_verify_all, ledgers))
    print(f"parse_ledger:            {parse:10,.0f} transactions/s")
    print(f"verify_ledger:           {verify:10,.0f} transactions/s")
    generator = random.Random(0)
    leaves = [(generator.randbytes(32), generator.randbytes(140)) for _ in range(50_000)]
    fold = _rate(len(leaves), lambda: state_root(leaves))
    print(f"state tree:              {fold:10,.0f} leaves/s")


def _decode_all(decoder: Decoder, blobs: Blobs) -> None:
    for tx, meta in blobs:
        decoder.transaction(tx)
        decoder.metadata(meta)


def _verify_all(ledgers: Sequence[Ledger]) -> None:
    for ledger in ledgers:
        verify_ledger(ledger)


def _best(count: int, work: Callable[[], object], times: int = 5) -> float:
    return max(_rate(count, work) for _ in range(times))


def _rate(count: int, work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return count / (perf_counter() - start)


def _host() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
