"""Feeds altered bytes to the compiled codec: `python -m fuzz WHAT [--count N]`.

`blobs` are transactions in binary, to the decoder and the writer of lines. `objects` are those of a
state, to the writer of lines and to the fold of the tree. `lines` are lines of transactions, to the
reader of columns. `offers` are answers with
order books, to what takes the offers out of their text. `proof` are frames, lines and trees, to what proves them. `tables` are transactions, to
the rows of the explorer's tables. The compiled code must not crash or grow; what is altered also goes,
one time in `--compare`, to the code in Python, which must say the same. It ends with what it did, and
exit 1 at the first difference, with the bytes.
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from ekspiper.xrpl.codec import implementation
from ekspiper.xrpl.replay import SAMPLE

from .blobs import fuzz_blobs
from .lines import fuzz_lines
from .objects import fuzz_objects
from .offers import fuzz_offers
from .proof import fuzz_proof
from .tables import fuzz_tables

_JOBS = {
    "blobs": fuzz_blobs,
    "lines": fuzz_lines,
    "objects": fuzz_objects,
    "offers": fuzz_offers,
    "proof": fuzz_proof,
    "tables": fuzz_tables,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("what", nargs="?", choices=_JOBS, default="blobs")
    parser.add_argument("--recording", type=Path, default=Path(SAMPLE))
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--compare", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    if implementation() != "compiled":
        print("there is nothing to compare: the compiled codec is not built: hatch run dev:codec")
        return 2
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}")
    job = _JOBS[arguments.what]
    fine = job(
        arguments.recording,
        arguments.count,
        compare=arguments.compare,
        chance=random.Random(seed),
    )
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
