"""Makes the sample recording that comes with the package, from a larger one.

    python tests/xrpl/replay/make_sample.py RECORDING [FIRST LAST]

The sample holds the binary ledgers FIRST to LAST, the books and pools that they touched, the state
of LAST, and what the server says of itself. JSON forms and stream messages are left out: the replay
node makes them from the bytes. Without FIRST and LAST the stretch is 183 to 302: it ends at the one
ledger whose state was recorded, so that a snapshot can be taken of the sample too, and it has 31 of
the 33 kinds of transactions (AMMCreate and SignerListSet happened once, in ledgers 12 and 13).
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.replay._recording.index import ABOUT_THE_SERVER, book_key

FIRST, LAST = 183, 302


def main(recording: Path, first: int = FIRST, last: int = LAST) -> None:
    """Write the sample, and say how large each file is."""
    SAMPLE.mkdir(exist_ok=True)
    held = range(first, last + 1)
    write("ledger_v2_binary", within(recording, "ledger_v2_binary", held))
    write("book_offers_v2", histories(recording, "book_offers_v2", book_key, held))
    write("amm_info_v2", histories(recording, "amm_info_v2", itemgetter("amm_account"), held))
    write("ledger_data_v2_binary", within(recording, f"ledger_data_v2_binary_{last}", held))
    write("server", about_the_server(recording))


def within(recording: Path, name: str, held: range) -> Iterator[dict[str, Any]]:
    """The lines of a file whose request names a ledger of the stretch."""
    return (line for line in lines(recording, name) if line["request"]["ledger_index"] in held)


def histories(
    recording: Path, name: str, key: Callable[[Any], object], held: range
) -> list[dict[str, Any]]:
    """The answers about each book or pool in the stretch, and its last one before it.

    Sorted by book: one answer differs little from the next, which makes the file a sixth as large.
    """
    found = list(lines(recording, name))
    before = {
        key(line["request"]): line for line in found if line["request"]["ledger_index"] < held.start
    }
    kept = [*before.values(), *(x for x in found if x["request"]["ledger_index"] in held)]
    return sorted(kept, key=lambda line: (str(key(line["request"])), line["request"]["id"]))


def about_the_server(recording: Path) -> Iterator[dict[str, Any]]:
    """What the server says of itself."""
    return (x for x in lines(recording, "misc") if x["request"]["command"] in ABOUT_THE_SERVER)


def lines(recording: Path, name: str) -> Iterator[dict[str, Any]]:
    """Every line of a file of the recording."""
    with gzip.open(recording / f"{name}.jsonl.gz") as file:
        for line in file:
            yield orjson.loads(line)


def write(name: str, content: Iterable[dict[str, Any]]) -> None:
    """Write a file of the sample; the same content gives the same bytes."""
    path = SAMPLE / f"{name}.jsonl.gz"
    data = b"".join(orjson.dumps(line) + b"\n" for line in content)
    path.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
