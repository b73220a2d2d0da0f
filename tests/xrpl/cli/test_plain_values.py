"""Values that are read without Typer's own reading: they are the same, and so is every complaint."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from ekspiper.xrpl.cli import _help
from ekspiper.xrpl.cli._help import Command


def _odd(text: str) -> str:
    if text == "even":
        raise typer.BadParameter("it is even")
    if text == "broken":
        raise ValueError("it is broken")
    return text.upper()


def _outcome(arguments: list[str]) -> tuple[int, str, str]:
    def command(
        words: Annotated[list[str], typer.Argument()],
        whole: Annotated[int, typer.Option(min=1, max=256)] = 32,
        maybe: Annotated[int | None, typer.Option(min=1)] = None,
        part: Annotated[float | None, typer.Option(min=0.5)] = None,
        text: str | None = None,
        parsed: Annotated[str | None, typer.Option(parser=_odd)] = None,
        many: Annotated[list[str] | None, typer.Option(parser=_odd)] = None,
        numbers: Annotated[list[int] | None, typer.Option(max=9)] = None,
        flag: bool = False,
    ) -> None:
        print(repr((words, whole, maybe, part, text, parsed, many, numbers, flag)))

    app = typer.Typer(rich_markup_mode=None)
    app.command(cls=Command)(command)
    done = CliRunner().invoke(app, arguments)
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "a",
        "a b --whole 5 --maybe 7 --part 2.5 --text x --parsed y --many p --many q --flag",
        "a --whole 0",
        "a --whole 257",
        "a --whole 1_0",
        "a --whole +5",
        "a --whole 5.0",
        "a --whole five",
        "a --whole ٥",
        "a --maybe -1",
        "a --maybe 1e3",
        "a --part .5",
        "a --part 0.1",
        "a --part 1e3",
        "a --part nan",
        "a --part inf",
        "a --part 1",
        "a --part one",
        "a --parsed even",
        "a --parsed broken",
        "a --many y --many even",
        "a --numbers 1 --numbers 9",
        "a --numbers 1 --numbers 10",
        "a --numbers x",
    ],
)
def test_they_mean_what_typer_takes_them_for(
    arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = _outcome(arguments.split())
    monkeypatch.setattr(_help, "read_plain_values", lambda parameters: parameters)
    assert ours == _outcome(arguments.split())


def test_typer_is_asked_only_for_what_is_not_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    class Parameter:
        multiple, nargs = False, 1

        class type_descriptor:  # noqa: N801
            annotation = int

            class parameter_info:  # noqa: N801
                parser = min = max = None

        def get_runtime_param(self) -> Any:
            raise AssertionError("Typer would load pydantic here")

    (parameter,) = _help.read_plain_values([Parameter()])
    assert parameter.get_runtime_param().coerce("5", param=parameter, ctx=None) == 5
    with pytest.raises(AssertionError, match="Typer"):
        parameter.get_runtime_param().coerce("five", param=parameter, ctx=None)
