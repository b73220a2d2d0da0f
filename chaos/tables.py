"""The third part: the daemon with tables in an object store.

It is killed, or the server is, or the server does wrong what it can, again and again.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from .killing import Outcome, run_to_its_end
from .s3_server import SECRET, S3Process

__all__ = ["KINDS", "VICTIMS", "kill_tables"]

KINDS = ("iceberg", "delta", "parquet")
VICTIMS = ("daemon", "server", "requests")
RECORDS = ("transactions", "ledgers")

_OPTIONS = {
    "iceberg": 'table = "sample.{records}"\ncatalog = "chaos"',
    "delta": 'path = "s3://lake/delta/{records}"',
    "parquet": 'path = "s3://lake/parquet/{records}"\nvisible_seconds = 1',
}


def kill_tables(
    folder: Path,
    *,
    kills: int,
    kinds: Sequence[str] = KINDS,
    victims: Sequence[str] = VICTIMS,
) -> bool:
    """Kill the daemon and the server `kills` times each, for each kind of table.

    Then a tenth as many runs lose one in twenty requests. Whether the tables hold what the files of a quiet run hold. Prints a line for each.
    """
    folder.mkdir()
    quiet = folder / "quiet"
    reference = run_to_its_end(
        _daemon("--out", str(quiet)), log=folder / "quiet.log", longest=1, kills=0
    )
    if reference.failure:
        print(f"tables: cannot run: {reference.failure}")
        return False
    expected = {each: _lines(quiet / f"{each}.jsonl") for each in RECORDS}
    return all(
        _kill_one(kind, victim, folder / f"{kind}-{victim}", kills=kills, expected=expected)
        for kind in kinds
        for victim in victims
    )


def _kill_one(
    kind: str, victim: str, folder: Path, *, kills: int, expected: dict[str, Counter[str]]
) -> bool:
    folder.mkdir()
    done = rounds = 0
    well, began = True, time.monotonic()
    most_rounds = -(-kills // 10) if victim == "requests" else kills
    share = 0.05 if victim == "requests" else 0.0
    while done < kills and rounds < most_rounds and well:
        at = folder / str(rounds)
        at.mkdir()
        with closing(S3Process(at / "s3", faults=share)) as server:
            server.start()
            server.wait()
            os.environ.update(_environment(server, at))
            most = 0 if victim == "requests" else min(kills - done, 10)
            if victim != "server":
                outcome = run_to_its_end(
                    _daemon(*_options(kind, at)),
                    log=at / "log",
                    longest=6.0,
                    kills=most,
                    ending=900,
                )
            else:
                outcome = _with_server_killed(server, _daemon(*_options(kind, at)), at, most)
            done += outcome.kills
            rounds += 1
            if outcome.failure:
                print(f"{kind}: {outcome.failure}")
            server.kill()
        with closing(S3Process(at / "s3")) as quiet:
            quiet.start()
            os.environ.update(_environment(quiet, at))
            well = outcome.failure is None and _same(kind, at, expected)
    what = "requests lost" if victim == "requests" else f"{victim} killed"
    print(
        f"{kind:8} in S3, {what:13}  {done:3} kills  {rounds} rounds  "
        f"{time.monotonic() - began:.0f} s  {'ok' if well else 'FAILED'}",
        flush=True,
    )
    return well


def _with_server_killed(server: S3Process, command: list[str], at: Path, most: int) -> Outcome:
    """Kill the server at random moments while the daemon runs, and start it again."""
    over = threading.Event()
    kills = 0

    def kill() -> None:
        nonlocal kills
        while kills < most and not over.wait(random.uniform(0.05, 1.0)):
            server.kill()
            kills += 1
            over.wait(random.expovariate(3))
            server.start()

    killer = threading.Thread(target=kill)
    with (at / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        killer.start()
        try:
            code = daemon.wait(300)
        except subprocess.TimeoutExpired:
            daemon.kill()
            code = daemon.wait()
        finally:
            over.set()
            killer.join()
    server.wait()
    text = (at / "log").read_text(errors="replace")
    return Outcome(kills, f"exit code {code}\n{text[-3000:]}" if code else None)


def _daemon(*options: str) -> list[str]:
    program = str(Path(sys.executable).with_name("ekspiper"))
    return [program, "daemon", "--network", "sample", *options]


def _options(kind: str, at: Path) -> list[str]:
    file = at / "config.toml"
    file.write_text(
        "[pipeline]\ncommit_seconds = 0.2\n"
        f'[collectors.lake]\ntype = "{kind}"\n{_OPTIONS[kind]}\nrecords = {json.dumps(RECORDS)}\n'
    )
    return ["--config", str(file), "--state", str(at / "state")]


def _environment(server: S3Process, at: Path) -> dict[str, str]:
    catalog = {
        "TYPE": "sql",
        "URI": f"sqlite:///{at}/catalog.db",
        "WAREHOUSE": "s3://lake/iceberg",
        "S3__ENDPOINT": server.url,
        "S3__ACCESS_KEY_ID": "somebody",
        "S3__SECRET_ACCESS_KEY": SECRET,
        "S3__REGION": "us-east-1",
    }
    return server.environment | {
        f"PYICEBERG_CATALOG__CHAOS__{name}": value for name, value in catalog.items()
    }


def _same(kind: str, at: Path, expected: dict[str, Counter[str]]) -> bool:
    well = True
    for records in RECORDS:
        got = _table(kind, records)
        lost, more = expected[records] - got, got - expected[records]
        doubled = sum(count for text, count in more.items() if text in expected[records])
        if lost or more:
            made_up = more.total() - doubled
            print(
                f"{kind}: {records}: {lost.total()} lost, {doubled} doubled, {made_up} made up; "
                f"see {at}"
            )
            well = False
    return well


def _table(kind: str, records: str) -> Counter[str]:
    """The records of a table, read in a separate process: PyIceberg reads variables once."""
    program = (
        "import json, sys\n"
        "from ekspiper.core import registry\n"
        "read = registry.load('collectors', sys.argv[1]).read_records\n"
        "options = {'catalog': 'chaos'} if sys.argv[1] == 'iceberg' else {}\n"
        "for record in read(sys.argv[2], **options):\n"
        "    print(json.dumps(record, sort_keys=True))\n"
    )
    name = f"sample.{records}" if kind == "iceberg" else f"s3://lake/{kind}/{records}"
    run = subprocess.run(
        [sys.executable, "-c", program, kind, name], stdout=subprocess.PIPE, text=True, check=True
    )
    return Counter(run.stdout.splitlines())


def _lines(path: Path) -> Counter[str]:
    return Counter(
        json.dumps(json.loads(line), sort_keys=True) for line in path.read_bytes().splitlines()
    )
