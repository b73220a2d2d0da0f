"""Wrong input gets exit code 2 and one clear line; failure 1; dead letters 3."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ekspiper.core import Report, Run
from ekspiper.xrpl import replay
from ekspiper.xrpl.client import NodePool

from .conftest import Cli

SAMPLE = Path(replay.__file__).parent / "sample"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that is in use."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("daemon --network mainet", "--network: no network is called 'mainet'; known: mainnet, "),
        ("backfill 1:2 --network mainet", "no network is called 'mainet'; known: mainnet, "),
        ("nodes --network mainet", "no network is called 'mainet'; known: mainnet, "),
        ("daemon --network http://x", "--network: 'http://x' is not the URL of a node"),
        ("daemon --from 5 --until 3", "--until: 3 is before the first ledger, 5"),
        ("daemon --from 640 --http off", "the last ledger, 540, is before the first, 640"),
        ("daemon --http nowhere", "--http takes HOST:PORT or off, for example 127.0.0.1:9464"),
        ("daemon --config nowhere.toml", "cannot read the configuration nowhere.toml: No such"),
        ("daemon --connect-timeout 0", "--connect-timeout: must be more than 0 (seconds)"),
        (
            "daemon --adopt-checkpoint",
            "there is no checkpoint to adopt: give its folder with --out",
        ),
        ("daemon --ledger-timeout 0", "--ledger-timeout: must be more than 0 (seconds)"),
        ("daemon --out /proc/x", "cannot write to the folder /proc/x: No such file or directory"),
        ("daemon --state /proc/x", "cannot write to the folder /proc/x: "),
        ("daemon --out x --state y", "--state: give out or state, not both: with out the state"),
        ("redeliver --out x --state y", "--state: give out or state, not both: "),
        ("redeliver", "redeliver needs the daemon's folder: --out DIR or --state DIR"),
        ("redeliver --state x", "no dead letters: x is not a folder"),
        ("backfill 1:2 --out /proc/x", "cannot write to the folder /proc/x: "),
        ("snapshot --out /proc/x", "cannot write to the folder /proc/x: "),
        ("backfill 5:3", "the range 5:3 ends before it begins: write FIRST:LAST"),
        ("backfill abc", "'abc' is not a range of ledgers: write FIRST:LAST"),
        ("backfill 1:2 --format xml", "no format is called 'xml'; known: jsonl, parquet"),
        ("snapshot --type Ofer", "no ledger entry type is called 'Ofer'; known: "),
        ("payments 9:1", "the range 9:1 ends before it begins"),
        ("check nowhere.toml", "cannot read the configuration nowhere.toml: No such"),
        ("graph nowhere.toml", "cannot read the configuration nowhere.toml: No such"),
        ("replay nowhere", "no recording: nowhere is not a folder"),
        ("replay sample --faults bogus", "no fault is called 'bogus'; there are disconnect, "),
    ],
)
def test_wrong_input(cli: Cli, arguments: str, line: str) -> None:
    done = cli(*arguments.split())
    assert done.code == 2
    assert len(done.errors) == 1
    assert done.errors[0].startswith(line)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "arguments",
    ["daemon --from x", "replay sample --port 99999", "backfill", "backfill 1:2 --concurrency 0"],
)
def test_wrong_use(cli: Cli, arguments: str) -> None:
    done = cli(*arguments.split())
    assert done.code == 2
    assert "Error: " in done.err
    assert "Traceback" not in done.err


def test_a_port_in_use(cli: Cli, taken: int) -> None:
    done = cli("daemon", "--http", f"127.0.0.1:{taken}")
    assert (done.code, done.errors) == (
        2,
        [
            f"cannot listen on 127.0.0.1:{taken}: address already in use; choose another with "
            "--http HOST:PORT, or --http off"
        ],
    )
    done = cli("replay", "sample", "--port", taken)
    assert done.code == 2
    assert done.errors[0].startswith(f"cannot listen on 127.0.0.1 port {taken}: ")


@pytest.mark.parametrize(
    "command",
    [
        "daemon --http off",
        "backfill 1:2",
        "snapshot",
        "nodes",
        "books",
        "payments 1:2",
        "record 1:2 --out r",
    ],
)
def test_a_node_that_cannot_be_reached(cli: Cli, free_port: int, command: str) -> None:
    url = f"ws://user:hunter2@127.0.0.1:{free_port}/?key=hunter2"
    done = cli(*command.split(), "--network", url, "--connect-timeout", 0.2)
    shown = f"ws://***@127.0.0.1:{free_port}?***"
    assert done.code == 1
    assert done.errors == [f"no node answered within 0.2 s: {shown}: Connection refused"]
    assert f"WARNING cannot reach {shown}: Connection refused; trying again" in done.err
    assert "hunter2" not in done.err


def test_a_recording_that_is_cut_off(cli: Cli, tmp_path: Path) -> None:
    folder = shutil.copytree(SAMPLE, tmp_path / "recording")
    os.truncate(folder / "ledger_v2_binary.jsonl.gz", 1_000_000)
    done = cli("replay", folder, "--port", 0)
    assert done.code == 2
    assert done.errors == [f"{folder}/ledger_v2_binary.jsonl.gz:70: the gzip file is cut off here"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("{}\nno json\n", 1), ("not json", 1), ('{"request": 3, "response": {}}', 1), ("[]", 1)],
)
def test_a_recording_that_is_none(cli: Cli, tmp_path: Path, text: str, line: int) -> None:
    folder = shutil.copytree(SAMPLE, tmp_path / "recording")
    with gzip.open(folder / "more.jsonl.gz", "wt") as file:
        file.write(text)
    done = cli("replay", folder, "--port", 0)
    assert done.code == 2
    assert len(done.errors) == 1
    assert done.errors[0].startswith(f"{folder}/more.jsonl.gz:{line}: ")


def test_every_mistake_of_a_configuration_is_a_line(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('network = "mainet"\nuntill = 3\n')
    for command in (("check", file), ("graph", file), ("daemon", "--config", file)):
        done = cli(*command)
        assert done.code == 2
        assert [line.split(":")[:3] for line in done.errors] == [
            [str(file), "1", " network"],
            [str(file), "2", " untill"],
        ]


def test_a_traceback_only_when_it_is_asked_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr("ekspiper.xrpl.daemon.Daemon", broken)
    done = cli("daemon")
    assert done.code == 1
    assert done.errors == [
        "ZeroDivisionError: on purpose (run again with --debug for the traceback)"
    ]
    done = cli("--debug", "daemon")
    assert done.code == 1
    assert "Traceback (most recent call last)" in done.err


@pytest.mark.usefixtures("impatient")
def test_ledgers_that_nobody_has_are_named(cli: Cli, tmp_path: Path) -> None:
    done = cli("backfill", "418:421", "740:+20", "178:178", "--out", tmp_path / "out")
    assert done.code == 3
    assert "1 ledger fetched" in done.err
    told = [line for line in done.err.splitlines() if line.startswith("  missing ")]
    assert len(told) == 2
    assert told[0].startswith("  missing 178,418-420: no node has it: ws://")
    assert told[1].startswith("  missing 740-759: no node has it, the newest is 540: ws://")


def test_a_checkpoint_is_adopted_on_request_alone(cli: Cli, tmp_path: Path) -> None:
    out, config = tmp_path / "out", tmp_path / "more.toml"
    config.write_text('[collectors.more]\ntype = "stdout"\nrecords = ["ledgers"]\n')
    again = ("daemon", "--config", config, "--out", out, "--http", "off")
    assert cli("daemon", "--from", 539, "--until", 539, "--out", out, "--http", "off").code == 0
    done = cli(*again)
    assert done.code == 1
    assert len(done.errors) == 1
    assert "start once with `ekspiper daemon --adopt-checkpoint`" in done.errors[0]
    done = cli(*again, "--adopt-checkpoint")
    assert done.code == 0
    assert '"ledger_index":540' in done.out
    assert '"ledger_index":539' not in done.out
    assert "WARNING adopting the checkpoint" in done.err
    assert cli(*again).code == 0


@pytest.mark.parametrize(
    ("config", "state", "records", "letters"),
    [
        ("", "none: a restart starts over", "standard output", "none: an error stops the daemon"),
        (
            '[collectors.m]\ntype = "stdout"\n[dead_letters]\ntype = "logger"\n',
            "out/sample-daemon",
            "m (stdout)",
            "[dead_letters] (logger)",
        ),
        ('state = "s"\n', "s", "standard output", "s/dead_letters.jsonl"),
        ('out = "o"\n', "o", "files (o/ledgers.jsonl)", "o/dead_letters.jsonl"),
    ],
)
def test_what_a_configuration_would_run(
    cli: Cli, tmp_path: Path, config: str, state: str, records: str, letters: str
) -> None:
    file = tmp_path / "good.toml"
    file.write_text(config)
    done = cli("check", file)
    assert done.code == 0
    told = {line[2:15].strip(): line[15:] for line in done.out.splitlines()[1:]}
    assert (told["state"], told["ledgers"], told["dead letters"]) == (state, records, letters)
    assert not list(Path().iterdir())


def test_two_commands_do_not_share_a_folder(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("daemon", "--from", 540, "--out", out).code == 0
    done = cli("backfill", "421:422", "--out", out)
    assert done.code == 2
    assert done.errors == [
        f"the folder {out} belongs to `ekspiper daemon as jsonl`; choose another with --out DIR"
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("", "{network}    mainnet, testnet or devnet as the nodes say, otherwise custom"),
        ('network_name = "mine"\n', "dead letters mine/letters.jsonl"),
    ],
)
def test_check_says_what_the_network_is_called(
    cli: Cli, tmp_path: Path, more: str, says: str
) -> None:
    file = tmp_path / "ekspiper.toml"
    letters = '[dead_letters]\ntype = "jsonl"\npath = "{network}/letters.jsonl"\n'
    file.write_text(f'network = "ws://node:6006"\n{more}{letters}')
    assert says in cli("check", file).out


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("backfill 421:540 --out out", 1),
        ("record 421:540 --out out", 1),
        ("snapshot --out out", 1),
        ("payments 421:540 --out out", 1),
        ("payments 421:540", 1),
        ("books", 1),
        ("daemon --until 540 --http off --out out", 0),
    ],
)
def test_work_that_was_interrupted_is_not_done(
    cli: Cli, command: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon has no end, so a drain is its end; the others say that something is missing."""
    finish = Run.finish

    async def interrupted(self: Run) -> Report:
        os.kill(os.getpid(), signal.SIGTERM)
        return await finish(self)

    monkeypatch.setattr(Run, "finish", interrupted)
    done = cli(*command.split())
    assert done.code == code, done.err
    assert "SIGTERM: draining" in done.err


@pytest.mark.parametrize(("command", "code"), [("backfill 1:2", 1), ("daemon --http off", 0)])
def test_an_interruption_before_the_work_began(
    cli: Cli, command: str, code: int, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = NodePool.open

    async def interrupted(self: NodePool) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await opened(self)

    monkeypatch.setattr(NodePool, "open", interrupted)
    done = cli(*command.split(), "--network", f"ws://127.0.0.1:{free_port}")
    assert done.code == code
    assert done.errors == ["stopped on request"]
