"""What the command line says of itself."""

from __future__ import annotations

import pytest
from typer.main import get_command

from ekspiper.xrpl.cli._app import app

from .conftest import Cli

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def test_without_arguments_it_helps(cli: Cli) -> None:
    done = cli()
    assert done.code in (0, 2)
    assert "Usage: ekspiper" in done.out + done.err


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_every_command_and_the_exit_codes(cli: Cli, option: str) -> None:
    done = cli(option)
    assert done.code == 0
    assert all(f"\n  {command} " in done.out for command in COMMANDS)
    assert "Exit codes: 0 done, 2 bad arguments or configuration, 3 stopped with dead letters" in (
        " ".join(done.out.split())
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    done = cli(command, "--help")
    assert done.code == 0
    assert f"Usage: ekspiper {command}" in done.out


def test_the_version(cli: Cli) -> None:
    done = cli("--version")
    assert done.code == 0
    assert done.out.startswith("ekspiper 0.")
    assert "(core 0." in done.out


@pytest.mark.parametrize("wrong", ["bogus", "--bogus"])
def test_what_is_not_there(cli: Cli, wrong: str) -> None:
    done = cli(wrong)
    assert done.code == 2
    assert "bogus" in done.err
    assert "Traceback" not in done.err
