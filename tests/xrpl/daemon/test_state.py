"""Where a daemon without files has its state, and that one daemon at a time has it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ekspiper.core import ConfigError, Report
from ekspiper.xrpl.config import load_settings
from ekspiper.xrpl.daemon import Daemon, redeliver, summary
from ekspiper.xrpl.replay import ReplayNode

from .conftest import FIRST, LAST

Node = Callable[..., ReplayNode]
ABSENT = 536
LINES = '[collectors.lines]\ntype = "jsonl"\npath = "lines/{records}.jsonl"\n'
LATE = {"node": {"ledger_timeout": 0.3}, "from": ABSENT - 2, "until": LAST}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that relative paths begin in."""
    monkeypatch.chdir(tmp_path)
    logging.getLogger("ekspiper").setLevel("INFO")
    return tmp_path


def settings_of(config: str = LINES, **given: Any) -> Any:
    Path("ekspiper.toml").write_text(config)
    return load_settings(Path("ekspiper.toml"), http={"enabled": False}, **given)


def daemon_of(config: str = LINES, **given: Any) -> Daemon:
    adopt = given.pop("adopt", False)
    return Daemon(settings_of(config, **given), adopt=adopt)


def position(state: str) -> int:
    content = json.loads(Path(state, ".checkpoint", "daemon.jsonl.json").read_text())
    found: int = content["flows"]["ledger-details"]["position"]
    return found


def files(pattern: str = "*", *, below: str = ".") -> dict[str, str]:
    """The files of that name and what they hold."""
    found = (path for path in Path(below).rglob(pattern) if path.is_file())
    return {path.as_posix(): path.read_text() for path in found}


def write(file: str, text: str) -> None:
    Path(file).write_text(text)


def ledgers() -> list[int]:
    rows = Path("lines", "ledgers.jsonl").read_text().splitlines()
    return [json.loads(row)["ledger_index"] for row in rows]


def ours(texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith(("state in", "no checkpoint"))]


async def test_collectors_have_a_state_without_being_told(caplog: pytest.LogCaptureFixture) -> None:
    await daemon_of(network="sample", until=438).run()
    await daemon_of(network="sample", until=448).run()
    assert ledgers() == list(range(FIRST, 449))
    assert position("out/sample-daemon") == 448
    states = [name for name in files(below="out") if name.endswith("daemon.jsonl.json")]
    assert states == ["out/sample-daemon/.checkpoint/daemon.jsonl.json"]
    assert ours(caplog.messages) == [
        "state in out/sample-daemon (another with --state DIR): beginning at the first ledger",
        "state in out/sample-daemon (another with --state DIR): resuming at ledger 439",
    ]


async def test_or_where_they_are_told(caplog: pytest.LogCaptureFixture, node: Node) -> None:
    async with node() as served:
        await daemon_of(network=served.url, state="here", until=LAST).run()
        given: dict[str, Any] = {"from": 428, "until": 438}
        await daemon_of(network=served.url, state="there", **given).run()
    assert position("here") == LAST
    assert position("there") == 438
    assert not files(below="out")
    assert ours(caplog.messages) == [
        "state in here: beginning at the newest ledger",
        "state in there: beginning at ledger 428",
    ]


async def test_records_to_look_at_have_a_state_on_request_only(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = daemon_of("", network="sample", until=423)
    outcome = await plain.run()
    assert ours(caplog.messages) == [
        "no checkpoint: records go to standard output, and a restart starts over; --out DIR "
        "writes files and resumes where it stopped, --state DIR only resumes"
    ]
    assert list(files()) == ["ekspiper.toml"]
    assert "state" not in summary(outcome)
    await daemon_of("", network="sample", until=423, state="s").run()
    capsys.readouterr()
    await daemon_of("", network="sample", until=424, state="s").run()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["ledger_index"] for row in rows} == {424}


async def test_what_it_says_at_its_end(node: Node) -> None:
    outcome = await daemon_of(network="sample", until=428).run()
    said = "Start it again to resume where it stopped: the state is in out/sample-daemon."
    assert said in summary(outcome).splitlines()
    write("out/sample-daemon/dead_letters.jsonl", "{}\n")
    outcome = await daemon_of(network="sample", until=428).run()
    assert summary(outcome).splitlines() == [
        "Nothing to do: the state in out/sample-daemon was at ledger 428 already.",
        "There are dead letters from earlier in out/sample-daemon/dead_letters.jsonl; once their "
        "cause is fixed: ekspiper redeliver --config FILE --state out/sample-daemon",
    ]


@pytest.mark.parametrize("state", [None, "a-file/state"])
def test_a_folder_that_cannot_be_made(state: str | None) -> None:
    Path("out").touch()
    Path("a-file").touch()
    with pytest.raises(ConfigError) as caught:
        daemon_of(network="sample", state=state)
    folder = state or "out/sample-daemon"
    assert str(caught.value).startswith(f"cannot write to the folder {folder}: ")
    assert str(caught.value).endswith("; choose another with --state DIR")


def test_the_folder_of_another_command() -> None:
    (Path("s") / ".checkpoint").mkdir(parents=True)
    (Path("s") / ".checkpoint" / "backfill.jsonl.json").touch()
    with pytest.raises(ConfigError, match=r"belongs to `ekspiper backfill as jsonl`; .* --state"):
        daemon_of(network="sample", state="s")


async def test_two_daemons_do_not_share_a_state(node: Node) -> None:
    """Not even where their collectors could."""
    metric = '[collectors.metrics]\ntype = "metric"\n'
    async with node(close_every=3600) as served:
        given = {"network": served.url, "state": "s"}
        first = asyncio.create_task(daemon_of(metric, **given).run())
        while not files("daemon.jsonl.json"):  # noqa: ASYNC110  # a file sets no event
            await asyncio.sleep(0.01)
        in_use = rf"the folder s is in use by process {os.getpid()}; stop that first, or choose an"
        with pytest.raises(ConfigError, match=in_use):
            await daemon_of(metric, **given).run()
        write("s/dead_letters.jsonl", "{}\n")
        with pytest.raises(ConfigError, match=in_use):
            await redeliver(settings_of(metric, **given))
        assert files("dead_letters*") == {"s/dead_letters.jsonl": "{}\n"}
        first.cancel()
        await asyncio.wait([first])
        node_at = served.released
        await daemon_of(metric, until=node_at, **given).run()
    assert position("s") == node_at


async def lose_one(node: Node, config: str = LINES, **given: Any) -> None:
    """Run a daemon on a node that does not have one of the ledgers."""
    async with node(faults=f"missing@{ABSENT}") as served:
        outcome = await daemon_of(config, network=served.url, **LATE, **given).run()
    assert outcome.report.dead_lettered == 1


async def feed_back(node: Node, config: str = LINES, **given: Any) -> Report | None:
    async with node() as served:
        settings = settings_of(config, network=served.url, **given)
        return await redeliver(settings)


ELSEWHERE = '[dead_letters]\ntype = "jsonl"\npath = "{network}-letters/of-{records}.jsonl"\n'


@pytest.mark.parametrize(
    ("more", "given", "letters"),
    [
        ("", {}, "out/custom-daemon/dead_letters.jsonl"),
        ("", {"state": "s"}, "s/dead_letters.jsonl"),
        (ELSEWHERE, {"state": "s"}, "custom-letters/of-dead_letters.jsonl"),
        (ELSEWHERE, {"out": "o"}, "custom-letters/of-dead_letters.jsonl"),
    ],
)
async def test_dead_letters_are_fed_back_from_where_they_are(
    node: Node, more: str, given: dict[str, Any], letters: str
) -> None:
    await lose_one(node, LINES + more, **given)
    ((file, letter),) = files("*dead_letters*").items()
    assert (file, json.loads(letter)["position"]) == (letters, ABSENT)
    assert ABSENT not in ledgers()
    report = await feed_back(node, LINES + more, **given)
    assert report is not None
    assert (report.read, report.kept) == (1, 1)
    assert sorted(ledgers()) == list(range(ABSENT - 2, LAST + 1))
    assert not files("*dead_letters*")
    assert await feed_back(node, LINES + more, **given) is None


@pytest.mark.parametrize(
    "elsewhere",
    [
        '[dead_letters]\ntype = "stdout"\n',
        '[dead_letters]\ntype = "jsonl"\npath = "x.jsonl"\nrotate_bytes = 1000\n',
    ],
)
async def test_dead_letters_that_are_in_no_file_cannot_be_fed_back(
    node: Node, elsewhere: str
) -> None:
    await lose_one(node, LINES + elsewhere, state="s")
    with pytest.raises(ConfigError, match="redeliver reads one file of JSON lines"):
        await feed_back(node, LINES + elsewhere, state="s")


async def test_from_files_to_collectors_alone_in_the_same_folder() -> None:
    """The state that was beside files is taken over where these are not wanted any more."""
    await daemon_of(network="sample", out="o", until=428).run()
    written = records_below("o")
    assert written
    await daemon_of(network="sample", state="o", until=438, adopt=True).run()
    await daemon_of(network="sample", state="o", until=448).run()
    assert ledgers() == list(range(FIRST, 449))
    assert records_below("o") == written


def records_below(folder: str) -> dict[str, str]:
    """The files with records; the proofs grow with every run."""
    found = files("*.jsonl", below=folder)
    return {name: text for name, text in found.items() if not name.endswith("proofs.jsonl")}


NAMED = '[collectors.lines]\ntype = "jsonl"\npath = "{network}/{records}.jsonl"\n'


@pytest.mark.parametrize(
    ("network_id", "config", "name", "says"),
    [
        (0, NAMED, "mainnet", "{network} is mainnet, as the nodes say"),
        (1, NAMED, "testnet", "{network} is testnet, as the nodes say"),
        (2, NAMED, "devnet", "{network} is devnet, as the nodes say"),
        (1021, NAMED, "custom", "network_name in the configuration gives the network another"),
        # A node that gives no id counts as network 0, and is not mainnet for that.
        (None, NAMED, "custom", "network_name in the configuration gives the network another"),
        (0, 'network_name = "my-net"\n' + NAMED, "my-net", None),
        (None, LINES, "lines", None),
    ],
)
async def test_what_the_network_is_called_in_collectors(
    node: Node,
    network_id: int | None,
    config: str,
    name: str,
    says: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with node(network_id=network_id) as served:
        # These nodes have ids of public networks, and none of their validators.
        begin = {"from": LAST - 1, "trust": "hashed"}
        await daemon_of(config, network=served.url, **begin, until=LAST).run()
    assert f"{name}/ledgers.jsonl" in files("ledgers.jsonl")
    lines = [each for each in caplog.messages if "{network} is" in each]
    assert len(lines) == (says is not None)
    assert all(says in line for line in lines if says)


async def test_dead_letters_below_a_name_that_only_the_nodes_know(node: Node) -> None:
    async with node(faults=f"missing@{ABSENT}", network_id=1) as served:
        late = {**LATE, "trust": "hashed"}
        await daemon_of(LINES + ELSEWHERE, network=served.url, state="s", **late).run()
    assert set(files("*dead_letters*")) == {"testnet-letters/of-dead_letters.jsonl"}
    async with node(network_id=1) as served:
        report = await redeliver(settings_of(LINES + ELSEWHERE, network=served.url, state="s"))
    assert report is not None
    assert report.kept == 1
