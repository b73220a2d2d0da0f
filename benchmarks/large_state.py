"""A recording of one ledger whose state is as large as wanted: the objects of the sample, again and again.

Their keys are hashes, as they are in a real state, and the ledger's header has the root over all of them.
"""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks.long_chain import SERVER, recorded_ledgers
from ekspiper.xrpl.codec import sha512half, state_root
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.recorder import ledger_exchange
from ekspiper.xrpl.replay import SAMPLE

__all__ = ["write_large_state"]

_STATE = "ledger_data_v2_binary.jsonl"
_PAGE = 2048


def write_large_state(out: Path, *, objects: int) -> Ledger:
    """A recording in `out` of one ledger with so many objects; the ledger."""
    sample = Path(SAMPLE)
    for name in SERVER:
        if (sample / name).exists():
            shutil.copy(sample / name, out)
    with gzip.open(sample / f"{_STATE}.gz") as lines:
        pages = [orjson.loads(line)["response"]["result"]["state"] for line in lines]
    found = [bytes.fromhex(each["data"]) for page in pages for each in page]
    state = sorted(zip(_keys(objects), itertools.cycle(found), strict=False))
    last = recorded_ledgers(sample)[-1]
    header = dataclasses.replace(last.header, account_hash=state_root(state))
    ledger = Ledger(
        header, ledger_hash=header.ledger_hash.hex().upper(), transactions=last.transactions
    )
    (out / "ledger_v2_binary.jsonl").write_bytes(orjson.dumps(ledger_exchange(ledger)) + b"\n")
    with (out / _STATE).open("wb") as written:
        for exchange in _exchanges(ledger, state):
            written.write(orjson.dumps(exchange) + b"\n")
    return ledger


def _keys(count: int) -> Iterator[bytes]:
    return (sha512half(number.to_bytes(8)) for number in range(count))


def _exchanges(ledger: Ledger, state: list[tuple[bytes, bytes]]) -> Iterator[dict[str, Any]]:
    """The pages of the state, each from the marker of the one before it."""
    about = {"ledger_index": ledger.ledger_index, "ledger_hash": ledger.ledger_hash}
    marker: dict[str, str] = {}
    for start in range(0, len(state), _PAGE):
        page = state[start : start + _PAGE]
        request = {"command": "ledger_data", "binary": True, "api_version": 2, **marker}
        last = start + _PAGE >= len(state)
        marker = {} if last else {"marker": page[-1][0].hex().upper()}
        rows = [{"data": data.hex().upper(), "index": key.hex().upper()} for key, data in page]
        result = {**about, **marker, "state": rows, "validated": True}
        response = {"status": "success", "type": "response", "result": result}
        request["ledger_index"] = ledger.ledger_index
        yield {"request": request, "response": response}
