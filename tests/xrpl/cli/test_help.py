"""What the command line says about itself."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.main import get_command

from ekspiper.xrpl.cli._app import COMMANDS, app
from ekspiper.xrpl.codec import implementation
from ekspiper.xrpl.ranges import parse_range

from .conftest import Cli

ALL = [
    *((name,) for name in COMMANDS),
    *(("schema", n) for n in ("show", "export", "diff", "collect")),
]


@pytest.fixture(autouse=True)
def _eighty_columns(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def sections(text: str) -> dict[str, list[str]]:
    """The lines of each part of a help text, by its heading."""
    found: dict[str, list[str]] = {"": []}
    heading = ""
    for line in text.splitlines():
        if re.fullmatch(r"[A-Z][\w ]*:", line):
            heading = line[:-1]
            found[heading] = []
        elif line.strip():
            found[heading].append(line)
    return found


def test_without_arguments_it_helps(cli: Cli) -> None:
    done = cli()
    assert done.code in (0, 2)
    assert "Usage: ekspiper" in done.out + done.err


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_has_a_whole_line_for_every_command(cli: Cli, option: str) -> None:
    done = cli(option)
    assert done.code == 0
    listed = [line.split(maxsplit=1) for line in sections(done.out)["Commands"][: len(COMMANDS)]]
    assert listed == [[name, summary] for name, summary in COMMANDS.items()]
    assert "Exit codes: 0 done, 2 bad arguments or configuration, 3 stopped with dead letters" in (
        " ".join(done.out.split())
    )


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_explains_itself(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli(*command, "--help")
    assert done.code == 0
    assert done.out.startswith(f"Usage: ekspiper {' '.join(command)} ")
    assert max(map(len, done.out.splitlines())) <= 80
    assert not re.search(r"\.\.\.$|…|list\[str\]|\x1b", done.out.partition("\n")[2], re.MULTILINE)
    if len(command) == 1:
        assert sections(done.out)[""][1].strip() == COMMANDS[command[0]]
    examples = sections(done.out)["Examples"]
    assert len(examples) >= 2
    assert all(
        line.startswith(f"  ekspiper {' '.join(command[:1])} ") or line.endswith(" graph")
        for line in examples
    )


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_examples_are_commands_that_exist(cli: Cli, command: tuple[str, ...]) -> None:
    for line in sections(cli(*command, "--help").out)["Examples"]:
        arguments = shlex.split(re.split(r"[|>]", line)[0])
        with get_command(app).make_context("ekspiper", arguments[1:]) as context:
            inner = context.command.get_command(context, arguments[1])  # type: ignore[attr-defined]
            with inner.make_context(arguments[1], arguments[2:], parent=context) as given:
                for text in given.params.get("ranges") or ():
                    assert parse_range(text)


def test_ranges_are_called_ranges(cli: Cli) -> None:
    assert cli("backfill", "--help").out.startswith("Usage: ekspiper backfill [OPTIONS] RANGE...\n")


def test_bounds_are_words(cli: Cli) -> None:
    shown = " ".join(cli("backfill", "--help").out.split())
    assert "[default: 32; 1 to 256]" in shown
    assert "[at least 0.001]" in shown
    assert "x<=" not in shown


def test_colour_is_for_terminals(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def helped() -> str:
        with get_command(app).make_context("ekspiper", ["backfill"]) as context:
            return context.get_help()

    assert "\x1b[1m" in helped()
    assert "\x1b[36m" in helped()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in helped()


def test_the_version(cli: Cli) -> None:
    done = cli("--version")
    assert done.code == 0
    assert done.out.startswith("ekspiper 0.")
    assert "(core 0." in done.out
    assert f"{implementation()} codec)" in done.out


@pytest.mark.parametrize("wrong", ["bogus", "--bogus"])
def test_what_does_not_exist(cli: Cli, wrong: str) -> None:
    done = cli(wrong)
    assert done.code == 2
    assert "bogus" in done.err
    assert "Traceback" not in done.err
