"""A recording that goes on: its ledgers again and again, as one chain of proven ledgers.

A few hundred ledgers are read in less than a second, of which opening connections and files takes a
share that it has in no real work.
"""

from __future__ import annotations

import gzip
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import orjson

from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.recorder import ledger_exchange
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.verify import parse_ledger

__all__ = ["LEDGERS", "chain", "recorded_ledgers", "write_long_chain"]

LEDGERS = "ledger_v2_binary.jsonl"
SERVER = ("server.jsonl.gz", "misc.jsonl.gz")


def write_long_chain(folder: Path | None, out: Path, *, count: int) -> tuple[list[int], int]:
    """A recording of `count` ledgers in `out`; their indexes, and how many transactions they have.

    Args:
        folder: the recording whose ledgers it repeats; the sample that ekspiper-xrpl ships
            without it.
    """
    folder = folder or Path(SAMPLE)
    for name in SERVER:
        if (folder / name).exists():
            shutil.copy(folder / name, out)
    indexes, transactions = [], 0
    with (out / LEDGERS).open("wb") as lines:
        for ledger in itertools.islice(chain(recorded_ledgers(folder)), count):
            lines.write(orjson.dumps(ledger_exchange(ledger)) + b"\n")
            indexes.append(ledger.ledger_index)
            transactions += len(ledger.transactions)
    return indexes, transactions


def recorded_ledgers(folder: Path) -> list[Ledger]:
    """The ledgers of a recording."""
    with gzip.open(folder / f"{LEDGERS}.gz") as lines:
        return [parse_ledger(orjson.loads(line)["response"]["result"]) for line in lines]


def chain(recorded: list[Ledger], *, first: int | None = None) -> Iterator[Ledger]:
    """The ledgers again and again: each with the index and the hash that follow from the one before it."""
    parent = recorded[0].header.parent_hash
    begin = recorded[0].ledger_index if first is None else first
    for index, ledger in zip(itertools.count(begin), itertools.cycle(recorded)):
        header = ledger.header._replace(ledger_index=index, parent_hash=parent)
        parent = header.ledger_hash
        yield Ledger(header, ledger_hash=parent.hex().upper(), transactions=ledger.transactions)
