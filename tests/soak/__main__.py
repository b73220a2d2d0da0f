"""Reads a recording again and again through three nodes with random faults of every kind.

Each run must end with every ledger in the files: complete, in order, verified, once. Prints a line
for each run and a summary; exits with 1 when any run failed. With `--ledgers N` it is one long run
instead: a real daemon over a chain of N ledgers, which must not grow and not lose anything.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ekspiper.xrpl.replay import SAMPLE

from ..conftest import RECORDING
from .faults import OUTAGE, plans
from .long_run import LongSetting, run_long
from .run import MODES, Outcome, Setting, run_once
from .truth import Truth, read_truth


def main() -> int:
    """Do all runs; 0 when every one was good."""
    options = _options()
    truth = read_truth(options.recording)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="ekspiper-soak-"))
    if options.ledgers:
        return _long(options, folder, seed=seed)
    print(
        f"{len(truth.indexes)} ledgers, {sum(map(len, truth.transactions.values())):,} transactions, "
        f"three nodes, seed {seed}",
        flush=True,
    )
    faults: Counter[str] = Counter()
    good, seconds = 0, 0.0
    for number in range(options.runs):
        place = folder / f"{number + 1:02}"
        outcome = _run(number, seed + number, place, truth, options)
        faults.update(outcome.faults)
        seconds += outcome.seconds
        if not outcome.wrong:
            good += 1
            if not options.keep:
                shutil.rmtree(place)
    print(f"{good} of {options.runs} runs good, in {seconds:.0f} s")
    print(f"faults: {', '.join(f'{kind} {times:,}' for kind, times in sorted(faults.items()))}")
    if good == options.runs and not options.keep:
        shutil.rmtree(folder)
    else:
        print(f"files and logs are in {folder}")
    return 0 if good == options.runs else 1


def _long(options: argparse.Namespace, folder: Path, *, seed: int) -> int:
    setting = LongSetting(
        recording=options.recording,
        ledgers=options.ledgers,
        most=options.transactions,
        close_every=options.close_every,
        often=options.often,
        seed=seed,
        folder=folder,
    )
    wrong = asyncio.run(run_long(setting))
    print("\n".join(wrong) or "nothing grew, nothing is missing, nothing is doubled", flush=True)
    if not wrong and not options.keep:
        shutil.rmtree(folder)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--often", type=float, default=1.0, help="how often faults strike")
    parser.add_argument("--mode", choices=MODES, help="by default they take turns")
    parser.add_argument("--keep", action="store_true", help="keep the files of good runs, too")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one run")
    parser.add_argument(
        "--outage",
        type=int,
        default=1,
        metavar="N",
        help=f"in the first N runs, all nodes are down for {OUTAGE:.0f} seconds",
    )
    parser.add_argument(
        "--recording", type=Path, default=RECORDING if RECORDING.is_dir() else SAMPLE, metavar="DIR"
    )
    parser.add_argument(
        "--ledgers", type=int, default=0, metavar="N", help="one long run of a real daemon"
    )
    parser.add_argument(
        "--transactions",
        type=int,
        default=1000,
        metavar="N",
        help="repeat only recorded ledgers with at most so many, in that run",
    )
    parser.add_argument(
        "--close-every", type=float, default=0.02, metavar="S", help="of that run's network"
    )
    return parser.parse_args()


def _run(
    number: int, seed: int, folder: Path, truth: Truth, options: argparse.Namespace
) -> Outcome:
    mode = options.mode or MODES[number % len(MODES)]
    outage = number < options.outage
    folder.mkdir()
    setting = Setting(
        mode=mode,
        recording=options.recording,
        truth=truth,
        plans=plans(
            truth.indexes,
            requests=len(truth.indexes) + (truth.books.total() if mode == "daemon" else 0),
            seed=seed,
            often=options.often,
            outage=outage,
        ),
        seed=seed,
        folder=folder / "out",
        timeout=options.timeout,
    )
    with _log_to(folder / "log") as log:
        outcome = asyncio.run(run_once(setting))
    said = len(log.read_text().splitlines())
    ending = "complete, in order, verified, once" if not outcome.wrong else outcome.wrong[0]
    print(
        f"run {number + 1:2}  {mode:8}  {outcome.seconds:6.1f} s  "
        f"{outcome.faults.total():4} faults  {said:4} lines of log"
        f"{f'  all down for {OUTAGE:.0f} s' if outage else ''}  {ending}",
        flush=True,
    )
    for more in outcome.wrong[1:10]:
        print(f"        {more}", flush=True)
    return outcome


@contextmanager
def _log_to(path: Path) -> Iterator[Path]:
    """The log of `ekspiper` in a file for as long as the context lasts."""
    log = logging.getLogger("ekspiper")
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield path
    finally:
        log.removeHandler(handler)
        handler.close()


if __name__ == "__main__":
    raise SystemExit(main())
