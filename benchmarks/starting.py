"""What commands cost before and after their work: processor time and peak memory of whole processes.

    python benchmarks/starting.py [--rounds N]

Every command runs in a process of its own, in turn with the others, on the five ledgers 478 to 482 of
the sample, which a node in another process serves. The median of the rounds counts. Beside them stand
an empty Python program, and the least that a user of xrpl-py would write: it fetches the same five
ledgers and writes them as JSON lines, unverified. Processor time does not grow with other work on the
machine as elapsed time does, but it grows, too: only what one run printed can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from reading_peers import host

from ekspiper.xrpl.replay import ReplayProcess

LEDGERS = "478:482"
PEER = """
import asyncio, json, sys
from xrpl.asyncio.clients import AsyncWebsocketClient
from xrpl.models import Ledger
async def main(url):
    async with AsyncWebsocketClient(url) as client:
        with open("ledgers.jsonl", "w") as out:
            for index in range(478, 483):
                asked = Ledger(ledger_index=index, transactions=True, expand=True)
                out.write(json.dumps((await client.request(asked)).result) + "\\n")
asyncio.run(main(sys.argv[1]))
"""
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n{code} {used.ru_utime + used.ru_stime} {used.ru_maxrss}", end="")
"""
_EKSPIPER = [sys.executable, "-m", "ekspiper.xrpl"]


def commands(url: str) -> dict[str, list[str]]:
    """Each program by its name; they run in a folder that has `out`, the five ledgers."""

    def ekspiper(text: str) -> list[str]:
        return [*_EKSPIPER, *text.split()]

    return {
        "python -c pass": [sys.executable, "-c", "pass"],
        "xrpl-py, five ledgers to JSON lines": [sys.executable, "-c", PEER, url],
        "ekspiper --help": ekspiper("--help"),
        "ekspiper backfill, five ledgers": ekspiper(f"backfill {LEDGERS} -n {url} -o new"),
        "ekspiper verify": ekspiper("verify out"),
        "ekspiper verify --deep": ekspiper("verify out --deep"),
        "ekspiper payments, one ledger": ekspiper(f"payments 478:478 -n {url}"),
        "ekspiper nodes": ekspiper(f"nodes -n {url}"),
        "ekspiper books": ekspiper(f"books -n {url}"),
        "ekspiper snapshot, 3,200 objects": ekspiper(f"snapshot -n {url} -o new"),
        "ekspiper schema show Payment": ekspiper("schema show Payment"),
        "ekspiper status, of a folder": ekspiper("status daemon"),
        "ekspiper daemon, five ledgers, no HTTP": ekspiper(
            f"daemon --from 478 --until 482 -n {url} -o new --http off"
        ),
        "ekspiper daemon, the same with HTTP": ekspiper(
            f"daemon --from 478 --until 482 -n {url} -o new"
        ),
        "ekspiper daemon, sample network": ekspiper("daemon --until 425 -n sample -o new"),
    }


def spent(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of the processor, and MB of memory at most."""
    shutil.rmtree(folder / "new", ignore_errors=True)
    # By a small process: what this one holds would count as the peak of a smaller child.
    measuring = [sys.executable, "-S", "-c", MEASURE, *command]
    done = subprocess.run(measuring, cwd=folder, capture_output=True, text=True, check=False)
    said, _, numbers = done.stdout.rpartition("\n")
    code, seconds, kilobytes = numbers.split()
    # A daemon that is stopped is not ready, which `status` says with 1.
    if int(code) not in (0, 1 if "status" in command else 0):
        sys.exit(said + done.stderr)
    return float(seconds), int(kilobytes) / 1024


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with ReplayProcess() as node:
            programs = commands(node.url)
            made = [programs["ekspiper backfill, five ledgers"]]
            made.append(programs["ekspiper daemon, five ledgers, no HTTP"])
            for command, kept in zip(made, ("out", "daemon"), strict=True):
                await asyncio.to_thread(spent, command, folder)
                (folder / "new").rename(folder / kept)
            found: dict[str, list[tuple[float, float]]] = {each: [] for each in programs}
            for _ in range(rounds):
                for each, command in programs.items():
                    found[each].append(await asyncio.to_thread(spent, command, folder))
    print(host())
    print(f"{'':40}{'processor time':>16}{'peak memory':>14}")
    for each, measured in found.items():
        seconds, memory = (median(column) for column in zip(*measured, strict=True))
        print(f"{each:40}{seconds:>14.2f} s{memory:>11.0f} MB")


if __name__ == "__main__":
    asyncio.run(main())
