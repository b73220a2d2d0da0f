"""A secret shows nowhere: not in logs with --debug, not in errors, check, graph or files."""

from __future__ import annotations

import signal
from pathlib import Path

from .conftest import FIRST, Start, run

TEXT = "correct-horse-battery"
CONFIG = """
network = "wss://user:%s@127.0.0.1:1/abcdef1234567890?key=%s"
[collectors.fluent]
type = "fluent"
tag = "t"
host = "127.0.0.1"
port = %d
shared_key = { env = "THE_KEY" }
password = { env = "THE_KEY" }
user = "someone"
"""


def test_in_what_commands_print(tmp_path: Path, start: Start, free_port: int) -> None:
    file = tmp_path / "ekspiper.toml"
    file.write_text(CONFIG % (TEXT, TEXT, free_port))
    for command in (("check", file), ("graph", file)):
        done = run(*command, THE_KEY=TEXT)
        assert TEXT not in done.stdout + done.stderr
    done = run(
        *("--debug", "daemon", "--config", file, "--connect-timeout", 0.3, "--http", "off"),
        cwd=tmp_path,
        code=1,
        THE_KEY=TEXT,
    )
    assert "Traceback" in done.stderr
    assert TEXT not in done.stderr
    assert "abcdef1234567890" not in done.stderr

    daemon = start(
        *("--debug", "daemon", "--config", file, "--network", "sample", "--from", FIRST),
        *("--out", tmp_path / "out", "--http", "off"),
        THE_KEY=TEXT,
        EKSPIPER_PIPELINE__DRAIN_TIMEOUT="0.2",
    )
    daemon.wait_said("is failing: ")
    assert daemon.end(signal.SIGTERM) == 1
    assert TEXT not in daemon.said()
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or TEXT.encode() not in path.read_bytes()
