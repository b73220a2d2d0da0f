"""Kills pipelines by SIGKILL at random moments; exits non-zero when anything is lost."""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

from .daemon import kill_daemon
from .pipelines import SETTINGS, kill_pipeline
from .tables import KINDS, VICTIMS, kill_tables


def main() -> int:
    """Run the parts and print a line for each setting."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of the pipeline, at least")
    parser.add_argument("--daemon-kills", type=int, default=20)
    parser.add_argument(
        "--table-kills", type=int, default=0, help="of the daemon, and of the S3 server, each"
    )
    parser.add_argument("--tables", nargs="+", default=KINDS, choices=KINDS, metavar="KIND")
    parser.add_argument("--victims", nargs="+", default=VICTIMS, choices=VICTIMS, metavar="VICTIM")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    random.seed(seed)
    print(f"seed {seed}")
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="ekspiper-chaos-"))
    done, round_, well = 0, 0, True
    while done < options.kills and well:
        for number, setting in enumerate(SETTINGS):
            wanted = min(8, options.kills - done)
            if wanted <= 0:
                break
            kills, is_well = kill_pipeline(setting, folder / f"{round_}-{number}", kills=wanted)
            done += kills
            well = well and is_well
        round_ += 1
    if well and options.daemon_kills:
        well = kill_daemon(folder / "daemon", kills=options.daemon_kills)
    if well and options.table_kills:
        well = kill_tables(
            folder / "tables",
            kills=options.table_kills,
            kinds=options.tables,
            victims=options.victims,
        )
    print(
        f"{done} kills of pipelines in {time.monotonic() - began:.0f} s: {'nothing lost' if well else 'FAILED'}"
    )
    if well:
        shutil.rmtree(folder)
    else:
        print(f"what is left is in {folder}")
    return 0 if well else 1


if __name__ == "__main__":
    raise SystemExit(main())
