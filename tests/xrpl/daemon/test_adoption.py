"""A daemon whose configuration has changed adopts its checkpoint when it is told to."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import CheckpointError, ConfigError
from ekspiper.xrpl.config import RECORDS, load_settings
from ekspiper.xrpl.daemon import Daemon, redeliver

FIRST, MIDDLE, LAST = 523, 531, 540
MORE = '[collectors.more]\ntype = "jsonl"\npath = "{out}/more-{records}.jsonl"\n'


async def follow(out: Path, until: int, config: str = "", **options: Any) -> None:
    """Run a daemon on the sample, from the first ledger on, until a ledger."""
    file = out.parent / f"{out.name}.toml"
    file.write_text(config)
    given: dict[str, Any] = {"network": "sample", "from": FIRST, "http": {"enabled": False}}
    settings = load_settings(file, out=out, until=until, **given | options.pop("given", {}))
    await Daemon(settings, **options).run()


def written(out: Path, name: str) -> bytes:
    return (out / f"{name}.jsonl").read_bytes()


def ledgers(out: Path, name: str) -> set[int]:
    return {json.loads(line)["ledger_index"] for line in written(out, name).splitlines()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a daemon writes that was never interrupted."""
    out = tmp_path_factory.mktemp("whole") / "out"
    asyncio.run(follow(out, LAST))
    return out


async def test_a_collector_that_was_added_begins_there_and_the_others_have_everything_once(
    tmp_path: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    await follow(out, MIDDLE)
    for name in RECORDS:  # what a kill leaves behind the checkpoint
        with (out / f"{name}.jsonl").open("ab") as file:
            file.write(b'{"ledger_index": 532}\n{"ledger')
    caplog.clear()
    await follow(out, LAST, MORE, adopt=True)
    for name in RECORDS:
        assert written(out, name) == written(whole, name), name
        assert ledgers(out, f"more-{name}") == {
            index for index in ledgers(whole, name) if index > MIDDLE
        }
    ours = [text for text in caplog.messages if text.startswith("adopt")]
    assert ours[0].startswith(f"adopting the checkpoint {out}/.checkpoint/daemon.jsonl.json; the ")
    assert ours[1].endswith(f"ledger-details at {MIDDLE}")
    assert len(ours) == 2 + len(RECORDS)
    (copy,) = (out / ".checkpoint").glob("*.backup-1")
    assert ours[0].endswith(f"the old one is kept as {copy}")
    assert json.loads(copy.read_text())["flows"]["ledger-details"]["position"] == MIDDLE
    before = {path: path.read_bytes() for path in out.glob("*.jsonl")}
    await follow(out, LAST, MORE)
    assert {path: path.read_bytes() for path in out.glob("*.jsonl")} == before


async def test_a_collector_that_is_gone_is_left_as_it_is(tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "out"
    await follow(out, MIDDLE, MORE)
    await follow(out, LAST, adopt=True)
    for name in RECORDS:
        assert written(out, name) == written(whole, name), name
    assert max(ledgers(out, "more-ledgers")) == MIDDLE


async def test_it_can_be_undone_with_the_copy(tmp_path: Path, whole: Path) -> None:
    out = tmp_path / "out"
    await follow(out, MIDDLE)
    await follow(out, MIDDLE + 4, MORE, adopt=True)
    (copy,) = (out / ".checkpoint").glob("*.backup-1")
    copy.replace(copy.with_suffix(""))
    await follow(out, LAST)
    for name in RECORDS:
        assert written(out, name) == written(whole, name), name


async def test_without_it_both_are_refused_and_the_option_is_named(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await follow(out, MIDDLE)
    state = (out / ".checkpoint" / "daemon.jsonl.json").read_bytes()
    with pytest.raises(CheckpointError) as caught:
        await follow(out, LAST, MORE)
    assert re.search(
        r"only the pipeline has .*ledger-record/more.*; start once with `ekspiper daemon "
        r"--adopt-checkpoint` to resume from it: what is new begins at its position and gets "
        r"nothing older; or give the configuration that it was taken with, or another folder with --out",
        str(caught.value),
    )
    await follow(out, MIDDLE, MORE, adopt=True)
    with pytest.raises(
        CheckpointError, match="it knows of those that are gone is dropped; or give"
    ):
        await follow(out, LAST)
    assert (out / ".checkpoint" / "daemon.jsonl.json.backup-1").read_bytes() == state


async def test_dead_letters_are_not_fed_to_another_pipeline_either(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await follow(out, MIDDLE)
    (out / "dead_letters.redelivering.jsonl").write_text("")
    file = tmp_path / "more.toml"
    file.write_text(MORE)
    settings = load_settings(file, network="sample", out=out)
    with pytest.raises(CheckpointError, match="once with `ekspiper daemon --adopt-checkpoint`"):
        await redeliver(settings)


async def test_the_checkpoint_of_another_network_is_refused_all_the_same(tmp_path: Path) -> None:
    out = tmp_path / "out"
    await follow(out, MIDDLE)
    file = out / ".checkpoint" / "daemon.jsonl.json"
    content = json.loads(file.read_text())
    content["flows"]["ledger-details"]["source"] = "xrpl network 1"
    file.write_text(json.dumps(content))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match="taken from 'xrpl network 1', but flow 'ledger-det"):
        await follow(out, LAST, MORE, adopt=True)
    after = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    assert not list(file.parent.glob("*backup*"))


def test_without_a_folder_there_is_no_checkpoint() -> None:
    with pytest.raises(ConfigError, match="no checkpoint to adopt: give its folder with --out"):
        Daemon(load_settings(), adopt=True)


async def test_where_nothing_has_changed_it_goes_on_and_says_so(
    tmp_path: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("ekspiper").setLevel("WARNING")
    out = tmp_path / "out"
    await follow(out, MIDDLE, adopt=True)
    await follow(out, LAST, adopt=True)
    assert written(out, "transactions") == written(whole, "transactions")
    ours = [text for text in caplog.messages if "nothing to adopt" in text]
    assert [text.partition("json ")[2] for text in ours] == [
        "is not there yet: there is nothing to adopt",
        "is of this pipeline already: there is nothing to adopt",
    ]
