"""Feeds altered transactions to both codecs: `python -m fuzz [--blobs N] [--compare N] [--seed N]`.

Every blob goes to the compiled codec, which must not crash or grow; one in `--compare` also goes to
the codec in Python, which must say the same. It ends with the number of blobs, and exit 1 at the first
difference, with the bytes in hex.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from pathlib import Path

from ekspiper.xrpl.codec import Definitions, implementation
from ekspiper.xrpl.replay import SAMPLE
from tests.xrpl.codec.one_codec import Both, ledgers_in, mutated

_GROWTH = 64 * 1024
"""Kilobytes that peak memory may grow by after the first tenth of the blobs."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("recording", nargs="?", type=Path, default=Path(SAMPLE))
    parser.add_argument("--blobs", type=int, default=1_000_000)
    parser.add_argument("--compare", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    if implementation() != "compiled":
        print("there is nothing to compare: the compiled codec is not built: hatch run dev:codec")
        return 2
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    chance = random.Random(seed)
    both = Both(Definitions.bundled())
    originals = [
        each
        for ledger in ledgers_in(arguments.recording, both.decoder)
        for each in ledger.transactions
    ]
    print(f"{len(originals)} transactions, {arguments.blobs:,} blobs, seed {seed}", flush=True)
    read = written = peak = 0
    began = time.monotonic()
    for nth in range(0, arguments.blobs, 2):
        each = chance.choice(originals)
        tx_blob, meta_blob = mutated(each.tx_blob, chance), mutated(each.meta_blob, chance)
        if chance.random() < 0.5:
            tx_blob = each.tx_blob
        altered = both.altered(each, tx_blob, meta_blob)
        compare = nth % (2 * arguments.compare) == 0
        try:
            if compare:
                read += both.objects(tx_blob) + both.objects(meta_blob)
                written += both.line(altered)
            else:
                for _, reader in both.readers.values():
                    read += (reader.read(tx_blob) is not None) + (
                        reader.read(meta_blob) is not None
                    )
                written += both.lines.transaction(altered, 0) is not None
        except Exception as error:
            print(f"{type(error).__name__}: {error}\ntx {tx_blob.hex()}\nmeta {meta_blob.hex()}")
            return 1
        if nth == arguments.blobs // 20 * 2:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    print(
        f"{arguments.blobs:,} blobs in {time.monotonic() - began:,.0f} s: no crash, no difference; "
        f"{read:,} read, {written:,} written, the rest declined; memory grew by {grown:,} kB"
    )
    return int(grown > _GROWTH)


if __name__ == "__main__":
    sys.exit(main())
