"""What the compiled codec is worth: lines against their own parsing, and whole jobs with and without.

    python benchmarks/compiled.py [FOLDER] [--ledgers N] [--objects N] [--rounds N]

FOLDER: a recording; without it, the sample that ekspiper-xrpl ships. First the writer of lines beside
`orjson.loads` of the same lines, which is what anybody who reads them pays. Then whole jobs, each in
processes of its own that take turns with EKSPIPER_PURE=1 and without; the best of the rounds counts,
in processor time, as other work on the machine does not add to it. Of each job there is the whole
process, and parts of it without the start:

- `ekspiper verify --deep` of N ledgers;
- a snapshot of N objects, folded into their root and written as JSON lines;
- Explorer's tables of 1,000 ledgers: of transactions, over a socket; then others, from its cache.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time

import orjson
from long_chain import write_long_chain
from reading_peers import host

from ekspiper.xrpl.backfill import Backfill
from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.codec import Decoder, Definitions, TransactionBlobs, implementation
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.replay import SAMPLE, ReplayProcess
from ekspiper.xrpl.schema import DecodedRules, Formats, RecordLines
from ekspiper.xrpl.verify import parse_ledger

LINES_TARGET = 5.0
VERIFY_TARGET = 5.0
SNAPSHOT_TARGET = EXPLORER_TARGET = 4.0

SNAPSHOT = """
import asyncio, sys, time
sys.path.insert(0, {benchmarks!r})
from bounded_memory import *
from ekspiper.sinks.jsonl import JsonLines
from pathlib import Path
async def job():
    proof, spent = StateProof([""]), 0.0
    async def fed(pages):
        nonlocal spent
        while True:
            began = time.process_time()
            page = next(pages, None)  # what makes the objects is not measured
            spent += time.process_time() - began
            if page is None:
                return
            yield page
    steps = (Step(LedgerObjectRecord(), collectors=(JsonLines(Path({out!r})),)),
             Step(PassThrough(), name="prove", collectors=(proof,)))
    source = fed(pages(await sample_objects(), {objects}))
    began = time.process_time()
    await Pipeline(Flow("objects", source=source, steps=steps)).run()
    print("part", time.process_time() - began - spent, "without the start")
    assert proof.objects == {objects}
asyncio.run(job())
"""

EXPLORER = """
import tempfile, time
import pandas, pyarrow.parquet
from ekspiper.xrpl import Explorer
with tempfile.TemporaryDirectory() as cache, Explorer({url!r}, cache=cache).sync as xrpl:
    for name in ("transactions", "payments", "trades", "balance_changes"):
        began = time.process_time()
        assert len(getattr(xrpl, name)("-1000:")) > 0
        print("part", time.process_time() - began, "table of", name.replace("_", " "))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(SAMPLE))
    parser.add_argument("--ledgers", type=int, default=1200)
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if implementation() != "compiled":
        print("the compiled codec is not built: hatch run dev:codec", file=sys.stderr)
        return 2
    print(host())
    missed = lines(arguments.folder, arguments.rounds)
    with tempfile.TemporaryDirectory(prefix="ekspiper-") as out:
        missed += asyncio.run(jobs(Path(out), arguments))
    return int(missed > 0)


def lines(folder: Path, rounds: int) -> int:
    """The writer of lines beside the parser of lines."""
    decoder = Decoder(shape="record")
    writer = RecordLines(DecodedRules(Formats(Definitions.bundled())))
    with gzip.open(folder / "ledger_v2_binary.jsonl.gz") as file:
        ledgers = [
            parse_ledger(orjson.loads(line)["response"]["result"], decoder=decoder) for line in file
        ]
    blobs = [(each, each.blobs) for each in ledgers if each.blobs is not None]
    count = sum(len(each) for _, each in blobs)
    together = [_written(writer, ledger, each) for ledger, each in blobs]
    made = [line + b"\n" for lines in together if lines for line in lines.split(b"\n")[:-1]]
    write = parse = float("inf")
    for _ in range(rounds * 3):
        began = process_time()
        for ledger, each in blobs:
            _written(writer, ledger, each)
        write = min(write, (process_time() - began) / count)
        began = process_time()
        for line in made:
            orjson.loads(line)
        parse = min(parse, (process_time() - began) / len(made))
    size = sum(map(len, made)) / len(made)
    print(
        f"{len(made):,} of {count:,} transactions have a line, {size:,.0f} bytes each\n"
        f"  writing a line {write * 1e6:.2f} us, orjson.loads of it {parse * 1e6:.2f} us: "
        f"{_verdict(parse / write, LINES_TARGET)}"
    )
    return int(parse / write < LINES_TARGET)


def _written(writer: RecordLines, ledger: Ledger, blobs: TransactionBlobs) -> bytes | None:
    return writer.ledger(ledger, 0, data=blobs.data, spans=blobs.spans, ids=blobs.ids)


async def jobs(out: Path, arguments: argparse.Namespace) -> int:
    """Whole commands, in processes of their own."""
    folder = out / "chain"
    folder.mkdir()
    indexes, transactions = write_long_chain(arguments.folder, folder, count=arguments.ledgers)
    async with ReplayProcess(folder) as node:
        await backfill(node.url, indexes, out / "past")
        snapshot = SNAPSHOT.format(
            benchmarks=str(Path(__file__).parent),
            out=str(out / "objects.jsonl"),
            objects=arguments.objects,
        )
        verify = [sys.executable, "-m", "ekspiper.xrpl", "verify", str(out / "past"), "--deep"]
        missed = compare(
            "verify --deep", verify, transactions, arguments.rounds, VERIFY_TARGET, out
        )
        missed += compare(
            "snapshot to JSON lines",
            [sys.executable, "-c", snapshot],
            arguments.objects,
            arguments.rounds,
            SNAPSHOT_TARGET,
            out,
        )
        explorer = [sys.executable, "-c", EXPLORER.format(url=node.url)]
        share = round(transactions * min(1000, len(indexes)) / len(indexes))
        missed += await asyncio.to_thread(
            compare,
            "Explorer's tables of the transactions",
            explorer,
            share,
            arguments.rounds,
            EXPLORER_TARGET,
            out,
        )
    return missed


async def backfill(url: str, indexes: Sequence[int], out: Path) -> None:
    """The ledgers that are verified later."""
    async with NodePool(url) as pool:
        job = Backfill(pool, [f"{indexes[0]}:{indexes[-1]}"], OutputFolder(out, command="backfill"))
        await job.plan()
        run = job.start()
        await run.finish()
        job.conclude(run)


def compare(
    name: str, command: list[str], count: int, rounds: int, target: float, out: Path
) -> int:
    """One job with the compiled codec and without; 1 if it misses its target."""
    best: dict[str, dict[str, float]] = {"compiled": {}, "pure Python": {}}
    for _ in range(rounds):
        for codec, seconds in best.items():
            (out / "objects.jsonl").unlink(missing_ok=True)
            for part, taken in _processor_time(command, codec).items():
                seconds[part] = min(taken, seconds.get(part, taken))
    print(f"{name}, {count:,}:")
    met = False
    for part in best["compiled"]:
        ratio = best["pure Python"][part] / best["compiled"][part]
        rates = ", ".join(f"{codec} {count / all_[part]:,.0f}/s" for codec, all_ in best.items())
        print(f"  {part}: {rates}: {_verdict(ratio, target)}", flush=True)
        met = met or ratio >= target
    return int(not met)


def _processor_time(command: list[str], codec: str) -> dict[str, float]:
    """Seconds of the whole process, and of the parts that it names on its output."""
    environment = {**os.environ, "EKSPIPER_PURE": "0" if codec == "compiled" else "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # A progress bar is not for the one who reads the ratios.
    done = subprocess.run(command, check=True, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    whole = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said = (line.split(maxsplit=2) for line in done.stdout.splitlines())
    parts = {words[2]: float(words[1]) for words in said if words[:1] == ["part"]}
    return {"whole process": whole, **parts}


def _verdict(ratio: float, target: float) -> str:
    return f"{ratio:.1f} times (target {target:g}{', MISSED' if ratio < target else ''})"


if __name__ == "__main__":
    sys.exit(main())
