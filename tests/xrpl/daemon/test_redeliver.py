"""Dead letters of a daemon are fed back once their cause is gone."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from pathlib import Path

from ekspiper.xrpl.audit import audit
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.config import load_settings
from ekspiper.xrpl.daemon import Daemon, redeliver
from ekspiper.xrpl.replay import SAMPLE, Recording, ReplayNode

FIRST, LAST = 474, 484


def forged_sample(folder: Path) -> Path:
    """The sample with one bit of ledger 478 flipped."""
    copy = Path(shutil.copytree(SAMPLE, folder / "forged"))
    path = copy / "ledger_v2_binary.jsonl.gz"
    with gzip.open(path, "rt") as file:
        lines = [json.loads(line) for line in file]
    ledger = next(line for line in lines if line["request"]["ledger_index"] == 478)
    blob = ledger["response"]["result"]["ledger"]["transactions"][0]
    digit = int(blob["tx_blob"][60], 16) ^ 1
    blob["tx_blob"] = f"{blob['tx_blob'][:60]}{digit:X}{blob['tx_blob'][61:]}"
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    return copy


async def follow(recording: Path, out: Path) -> int:
    with Recording.load(recording) as loaded:
        async with ReplayNode(loaded) as node:
            settings = load_settings(
                network=node.url, out=out, until=LAST, http={"enabled": False}, **{"from": FIRST}
            )
            outcome = await Daemon(settings).run()
    return outcome.report.dead_lettered


def test_a_ledger_that_was_forged_is_had_from_an_honest_node(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert asyncio.run(follow(forged_sample(tmp_path), out)) == 1
    letter = json.loads((out / "dead_letters.jsonl").read_bytes())
    assert letter["position"] == 478
    assert "hashes to" in letter["message"]
    assert str(audit(out).gaps) == "478"

    settings = load_settings(network="sample", out=out)
    report = asyncio.run(redeliver(settings))
    assert report is not None
    assert (report.read, report.kept, report.dead_lettered) == (1, 1, 0)
    with Recording.sample() as recording:
        definitions = Definitions.bundled().extended_by(recording.definitions)
    found = audit(out, deep=True, definitions=definitions)
    assert found.faults == []
    assert not found.gaps
    assert not (out / "dead_letters.redelivering.jsonl").exists()
    assert asyncio.run(redeliver(settings)) is None


def test_a_letter_that_fails_again_is_a_letter_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    forged = forged_sample(tmp_path)
    asyncio.run(follow(forged, out))

    async def again() -> tuple[int, int]:
        with Recording.load(forged) as loaded:
            async with ReplayNode(loaded) as node:
                settings = load_settings(network=node.url, out=out)
                report = await redeliver(settings)
                assert report is not None
                return report.kept, report.dead_lettered

    assert asyncio.run(again()) == (0, 1)
    assert json.loads((out / "dead_letters.jsonl").read_bytes())["position"] == 478
