"""A recording of ledgers as they close has their validations, manifests and the validator list."""

from __future__ import annotations

import asyncio
import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.client import NodePool
from ekspiper.xrpl.recorder import record_streams
from ekspiper.xrpl.replay import Recording, ReplayNode, ReplayProcess
from tests.command import ekspiper


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def is_validation(message: dict[str, Any], ledger_index: int) -> bool:
    return (message["type"], message["ledger_index"]) == ("validationReceived", ledger_index)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  (a file sets no event)
            await asyncio.sleep(0.01)


async def test_what_comes_is_written_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "stream_v2.jsonl.gz"
    with Recording.sample() as sample:
        node = ReplayNode(sample, close_every=3600)
        async with node, NodePool(node.url) as pool, record_streams(pool, path) as streams:
            await until(lambda: streams.newest == sample.first)
            for index in range(sample.first + 1, sample.first + 4):
                node.release(index)
            await streams.until_after(sample.first + 2)
    found = lines(path)
    closed = [each["ledger_index"] for each in found if each["type"] == "ledgerClosed"]
    assert closed == [*range(421, 425)]
    for index in range(422, 425):
        signed = [each for each in found if is_validation(each, index)]
        assert len(signed) >= 4
    assert not path.with_suffix("").exists()


async def test_what_a_killed_run_left_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "stream_v2.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"type":"one"}\n'))
    path.with_suffix("").write_bytes(b'{"type":"two"}\n{"type":"cut o')
    with Recording.sample() as sample:
        node = ReplayNode(sample)
        async with node, NodePool(node.url) as pool, record_streams(pool, path) as streams:
            await until(lambda: streams.newest == 540)
    kinds = [each["type"] for each in lines(path)]
    assert kinds[:2] == ["one", "two"]
    assert kinds.count("ledgerClosed") == 1


async def test_a_network_that_stands_still_is_not_waited_for(tmp_path: Path) -> None:
    with Recording.sample() as sample:
        node, path = ReplayNode(sample), tmp_path / "stream_v2.jsonl.gz"
        async with node, NodePool(node.url) as pool, record_streams(pool, path) as streams:
            await streams.until_after(540, within=0.1)


async def test_nodes_without_validations(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "stream_v2.jsonl.gz"

    class Refusing(NodePool):
        def subscribe(self, streams: Any, **options: Any) -> Any:
            # A stream that no server has, instead of one that some servers have.
            return super().subscribe(["nosuch" if s == "manifests" else s for s in streams])

    with Recording.sample() as sample:
        node = ReplayNode(sample)
        async with node, Refusing(node.url) as pool, record_streams(pool, path) as streams:
            await until(lambda: streams.newest == 540)
    assert "the recording has no validations and no manifests" in caplog.text
    closed = [each for each in lines(path) if each["type"] == "ledgerClosed"]
    assert [each["ledger_index"] for each in closed] == [540]


@pytest.mark.parametrize("arguments", [(), ("421:422", "--next", 3)])
def test_ranges_or_the_next_ones(arguments: tuple[object, ...], tmp_path: Path) -> None:
    done = ekspiper("record", *arguments, "--out", tmp_path)
    assert done.code == 2
    assert "give one or more ranges, or --next N" in done.err


@pytest.fixture
def network(shared_data: Path) -> Path:
    found = shared_data / "network"
    if not found.is_dir():
        pytest.skip(f"the recorded network is not there: {found}")
    return found


def test_a_recording_of_signed_ledgers_is_signed_when_it_is_replayed(
    network: Path, tmp_path: Path
) -> None:
    """Around ledger 136, where a validator came back with a new key."""
    trust = pytest.importorskip("ekspiper.xrpl.trust")
    pytest.importorskip("nacl")
    asyncio.run(_record(network, tmp_path))
    with Recording.load(tmp_path) as recording:
        assert recording.first <= 136
        assert len(recording.indexes) == 8
        (key,) = recording.publisher_keys
        (held,) = trust.read_validator_lists(recording.validator_lists[0].data)
        assert held.publisher.hex().upper() == key
        tally = trust.ValidationTally(trust.ValidatorSet.of_list(held))
        signed = {}
        for index in recording.indexes:
            testimony = recording.testimony
            for span in (*testimony.before(index), *testimony.after(index)):
                message = orjson.loads(recording.validation(span))
                if message["type"] == "manifestReceived":
                    tally.add_manifest(
                        trust.Manifest.from_bytes(bytes.fromhex(message["manifest"]))
                    )
                    continue
                counted = tally.add(trust.Validation.from_hex(message["data"]))
                if counted.verdict is not None:
                    signed[index] = counted.verdict.ledger_hash.hex().upper()
        assert signed == {i: recording.ledgers[i].hash for i in recording.indexes}
        assert {each.sequence for each in recording.testimony.manifests} == {1, 2}


async def _record(network: Path, out: Path) -> None:
    async with ReplayProcess(network, close_every=0, start_at=133) as node:
        key = orjson.loads((network / "stats.json").read_bytes())["publisher"]
        trust = f"{key}={node.url.replace('ws://', 'http://')}/vl"
        arguments = ("--next", 8, "--network", node.url, "--trust", trust, "--out", out)
        command = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from ekspiper.xrpl.cli import main; main()", "record"),
            *map(str, arguments),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await command.communicate()
        assert command.returncode == 0, said.decode()
