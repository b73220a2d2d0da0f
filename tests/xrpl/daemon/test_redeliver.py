"""Dead letters of a daemon are fed back once their cause is gone."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError
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


def letter(place: str, item: Any) -> str:
    """A dead letter as the daemon writes it, for a place `flow/step` or `flow/step/collector`."""
    flow, step, *collector = place.split("/")
    about = {"source": "LedgerStream", "position": 478, "flow": flow, "step": step}
    why = {"error": "Permanent", "message": "a test", "time": "2026-11-26T12:00:00Z"}
    return json.dumps({**about, "collector": next(iter(collector), None), **why, "item": item})


@pytest.mark.parametrize("signed", [False, True], ids=["hashed", "signed"])
async def test_each_letter_is_made_into_what_its_step_takes(
    sample: Recording, tmp_path: Path, signed: bool
) -> None:
    """A ledger or a transaction is named in its letter, and fetched again; a record is in it."""
    out = tmp_path / "out"
    trust = json.loads((SAMPLE / "vl.json").read_bytes())["public_key"]
    options = {"trust": [f"{trust}={SAMPLE / 'vl.json'}"] if signed else "hashed"}
    http = {"enabled": False}
    async with ReplayNode(sample, close_every=0 if signed else None, start_at=FIRST) as node:
        settings = load_settings(
            network=node.url, out=out, until=LAST, http=http, **{"from": FIRST}, **options
        )
        await Daemon(settings).run()
        assert not (out / "dead_letters.jsonl").exists()
        before = lines_of(out)
        record = json.loads((out / "transactions.jsonl").read_text().splitlines()[0])
        about = {"ledger_index": 478, "hash": record["hash"]}
        (out / "dead_letters.jsonl").write_text(
            "\n".join(
                (
                    letter("ledger-record/ledger-record", about),
                    letter("transaction-record/etl", {**about, "index": 1}),
                    letter("transaction-record/etl/files", record),
                )
            )
        )
        report = await redeliver(settings)
    assert report is not None
    assert (report.read, report.kept, report.dead_lettered) == (3, 3, 0)
    after = lines_of(out)
    (ledger,) = after["ledgers"][len(before["ledgers"]) :]
    assert ledger["ledger_index"] == 478
    assert ("signed_by" in ledger) is signed
    made = after["transactions"][len(before["transactions"]) :]
    assert {(each["ledger_index"], each["meta"]["TransactionIndex"]) for each in made} == {
        (478, 1),
        (record["ledger_index"], record["meta"]["TransactionIndex"]),
    }


def lines_of(out: Path) -> dict[str, list[Any]]:
    kinds = ("ledgers", "transactions")
    return {
        kind: [json.loads(line) for line in (out / f"{kind}.jsonl").read_text().splitlines()]
        for kind in kinds
    }


@pytest.mark.parametrize(
    ("config", "options", "why"),
    [
        ("", {}, "needs the daemon's folder: --out DIR or --state DIR"),
        ("", {"out": "missing"}, "no dead letters: .*missing is not a folder"),
        (
            '[collectors.x]\ntype = "stdout"\n[dead_letters]\ntype = "logger"\n',
            {"state": "."},
            "sends the dead letters elsewhere",
        ),
    ],
    ids=["no folder", "not a folder", "no file of letters"],
)
async def test_what_cannot_be_redelivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, options: dict[str, str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "ekspiper.toml"
    file.write_text(config)
    with pytest.raises(ConfigError, match=why):
        await redeliver(load_settings(file, network="sample", **options))


async def test_letters_lie_where_the_name_of_the_network_says(
    sample: Recording, tmp_path: Path
) -> None:
    """Nodes given by URL say it: `{network}` in the path of the letters means the same as before."""
    file = tmp_path / "ekspiper.toml"
    path = tmp_path / "{network}.jsonl"
    file.write_text(f'[dead_letters]\ntype = "jsonl"\npath = "{path}"\n')
    (tmp_path / "state").mkdir()
    letters = tmp_path / "testnet.jsonl"
    letters.write_text(letter("ledger-details/ledger-details", {"ledger_index": 478}))
    async with ReplayNode(sample, network_id=1) as node:
        settings = load_settings(file, network=node.url, out=tmp_path / "state")
        report = await redeliver(settings)
    assert report is not None
    assert report.kept == 1
    assert not letters.exists()
