"""Memory of a DataFrame of transactions, by option, and the records/s that go into it.

    python benchmarks/dataframe_memory.py [TRANSACTIONS]

Each option runs in its own process; the figure is the growth of its resident memory, with
the frame alive, and the peak while it was made. Transactions are payments with three changed
ledger objects, 2.4 kB of JSON each, all different objects.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ekspiper.sinks.dataframe import DataFrameCollector

FLAT = [
    *("hash", "ledger_index", "close_time_iso", "TransactionType", "Account", "Sequence"),
    *("Fee.value", "Amount.currency", "Amount.value", "meta.TransactionResult"),
]

OPTIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "objects": (20, {}),
    "flat": (5, {"flatten": True}),
    "flat, ten columns": (1, {"flatten": True, "columns": FLAT}),
    "flat, ten columns, Arrow": (1, {"flatten": True, "columns": FLAT, "backend": "pyarrow"}),
    "flat, ten columns, Decimal": (1, {"flatten": True, "columns": FLAT, "amounts": "decimal"}),
}
"""By name: the part of all transactions that is gathered, and the collector's options."""


def _node(account: str) -> dict[str, Any]:
    fields = {"Account": account, "Balance": {"currency": "XRP", "issuer": "", "value": "1000000"}}
    return {
        "ModifiedNode": {
            "FinalFields": {**fields, "Flags": 0, "OwnerCount": 3, "Sequence": 62},
            "LedgerEntryType": "AccountRoot",
            "LedgerIndex": "C06FF6DD0C56C428C100890A9FBBDDF74247A87F3154622B46835D688B9B4E25",
            "PreviousFields": {"Balance": fields["Balance"], "Sequence": 61},
            "PreviousTxnID": "8C474CD04A07B8B10C347B76C88803D108F9B09CB49991767D74536C92FD3FD2",
            "PreviousTxnLgrSeq": 100,
        }
    }


TEXT = json.dumps(
    {
        "TransactionType": "Payment",
        "Account": "rNnVcLX4JK4Bz4BVsvnCUkuo8hD5zEkqbn",
        "Destination": "r4KtuErtj4zB4z3VNGWhkkHiiKcVNmqnS7",
        "Amount": {"currency": "XRP", "issuer": "", "value": "1000000"},
        "Fee": {"currency": "XRP", "issuer": "", "value": "10"},
        "Sequence": 62,
        "Flags": 0,
        "SigningPubKey": "03" * 33,
        "TxnSignature": "30" * 70,
        "meta": {
            "AffectedNodes": [_node("rNnVcLX4JK4Bz4BVsvnCUkuo8hD5zEkqbn") for _ in range(3)],
            "TransactionIndex": 0,
            "TransactionResult": "tesSUCCESS",
        },
        "ledger_hash": "4DDA6B250AE0B7BD73591692B9C4D946A7AB05C302A57ADE1EC78E9CA5A2E7A3",
        "close_time_iso": "2026-11-22T12:03:46Z",
    }
)


def resident() -> int:
    """Bytes of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def batch(first: int, count: int) -> list[dict[str, Any]]:
    """Transactions as a decoder makes them: nothing shared but small integers and names."""
    records = [json.loads(TEXT) for _ in range(count)]
    for number, record in enumerate(records, start=first):
        record["hash"] = f"{number:064X}"
        record["ledger_index"] = number // 50
    return records


async def measure(name: str, total: int) -> None:
    """Print one line of the table."""
    part, options = OPTIONS[name]
    count = total // part
    collector = DataFrameCollector(**options)
    await collector.collect(batch(0, 10))
    collector.to_frame()
    collector.clear()
    before, spent = resident(), 0.0
    for first in range(0, count, 1000):
        records = batch(first, min(1000, count - first))
        began = time.process_time()
        await collector.collect(records)
        spent += time.process_time() - began
        del records
    began = time.process_time()
    frame = collector.to_frame()
    spent += time.process_time() - began
    collector.clear()
    held = resident() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert len(frame) == count
    scale = f" (from {count:,})" if part > 1 else ""
    print(
        f"| {name} | {held * part / 1e9:.2f} GB{scale} | {peak * part / 1e9:.2f} GB "
        f"| {count / spent:,.0f} |",
        flush=True,
    )


def main() -> None:
    """The table, or with two arguments one line of it."""
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    if len(sys.argv) > 2:
        asyncio.run(measure(sys.argv[2], total))
        return
    print(f"Memory of {total:,} transactions of {len(TEXT)} bytes of JSON:\n")
    print("| option | memory | peak | records/s (processor time) |\n| --- | --- | --- | --- |")
    for name in OPTIONS:
        subprocess.run([sys.executable, __file__, str(total), name], check=True)


if __name__ == "__main__":
    main()
