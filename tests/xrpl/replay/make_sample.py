"""Makes the sample recording that comes with the package, from a larger one.

    python tests/xrpl/replay/make_sample.py RECORDING [FIRST LAST]

The sample holds the binary ledgers FIRST to LAST, the books and pools that they touched, the state
of LAST, what validators said meanwhile, the list that names them, and what the server says of
itself. JSON forms and messages of transactions are left out: the replay node makes them from the
bytes. Without FIRST and LAST the stretch is 421 to 540: it ends at the one ledger whose state was
recorded, so that a snapshot can be taken of the sample too, and it has 72 of the 75 kinds of
transactions (AMMCreate, SignerListSet and XChainCreateBridge happened earlier).
"""

from __future__ import annotations

import gzip
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.replay._recording.index import ABOUT_THE_SERVER, book_key

FIRST, LAST = 421, 540
ABOUT = ABOUT_THE_SERVER | {"manifest"}


def main(recording: Path, first: int = FIRST, last: int = LAST) -> None:
    """Write the sample, and say how large each file is."""
    SAMPLE.mkdir(exist_ok=True)
    held = range(first, last + 1)
    write("ledger_v2_binary", within(recording, "ledger_v2_binary", held))
    write("book_offers_v2", histories(recording, "book_offers_v2", book_key, held))
    write("amm_info_v2", histories(recording, "amm_info_v2", itemgetter("amm_account"), held))
    write("ledger_data_v2_binary", within(recording, f"ledger_data_v2_binary_{last}", held))
    write("stream_v2", messages(recording, held))
    write("server", about_the_server(recording))
    shutil.copyfile(recording / "vl.json", SAMPLE / "vl.json")


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


def messages(recording: Path, held: range) -> Iterator[dict[str, Any]]:
    """Stream messages in the order received: ledgers that closed, validations, manifests.

    A validation may be late, so those of the last ledger are kept wherever they stand.
    """
    newest = 0
    for message in lines(recording, "stream_v2"):
        newest = max(newest, message["ledger_index"] if message["type"] == "ledgerClosed" else 0)
        about = int(message.get("ledger_index", newest))
        if message["type"] != "transaction" and about in held:
            yield message


def about_the_server(recording: Path) -> Iterator[dict[str, Any]]:
    """What the server says of itself, and of the keys of validators."""
    return (x for x in lines(recording, "misc") if x["request"]["command"] in ABOUT)


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
