"""What `--help` prints: every summary whole at 80 columns, examples, and colour on a terminal."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from ._options import Debug, LogFormat
from ._plain_values import read_plain_values

__all__ = ["Command", "Group"]

_EXAMPLES = "Examples:"
# Wide enough for `--network, -n NAME|URLS`; what is longer stands on its own line.
_FIRST_COLUMN = 26
_SHARED = "Options of every command"


class _Helping:
    """Formats help: usage, text, arguments, options, commands, examples.

    The help text is the docstring. The lines after `Examples:` are printed as they stand.
    """

    params: list[Any]
    help: str | None
    epilog: str | None
    # What somebody else's class gives.
    get_params: Any
    shared: tuple[str, ...] = ()

    def collect_usage_pieces(self, context: Any) -> list[str]:
        """Called by Typer."""
        given = [_metavar(each) for each in self.get_params(context) if _is_argument(each)]
        return ["[OPTIONS]", *given, *self._usage_of_commands()]

    def format_help(self, context: Any, formatter: Any) -> None:
        """Called by Typer."""
        pieces = " ".join(self.collect_usage_pieces(context))
        formatter.write_usage(_styled(context.command_path), pieces, prefix=_heading("Usage") + " ")
        text, examples = _parts(self.help or "")
        if text:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(text)
        for heading, rows in self._tables(context):
            if rows:
                with formatter.section(_heading(heading, colon=False)):
                    formatter.write_dl(
                        [(_styled(name, colour="cyan"), what) for name, what in rows],
                        col_max=_FIRST_COLUMN,
                    )
        if examples:
            with formatter.section(_heading("Examples", colon=False)):
                for line in examples:
                    formatter.write(f"  {line}\n")
        if self.epilog:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(self.epilog)

    def _tables(self, context: Any) -> Iterable[tuple[str, list[tuple[str, str]]]]:
        # Every command has the shared options, so they come last: what is special is read first.
        rows: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": [], _SHARED: []}
        for each in self.get_params(context):
            record = each.get_help_record(context)
            if record is None:
                continue
            if _is_argument(each):
                rows["Arguments"].append((_metavar(each), each.help or ""))
            else:
                is_shared = each.name in ("help", "debug", "log_format")
                rows[_SHARED if is_shared else "Options"].append((record[0], _plain(record[1])))
        yield from rows.items()
        yield "Commands", self._commands(context)

    def _commands(self, context: Any) -> list[tuple[str, str]]:
        return []

    def _usage_of_commands(self) -> list[str]:
        return []


class Command(_Helping, TyperCommand):
    """One command. Takes what every command takes: `--debug` and `--log-format`.

    Where it takes ranges of ledgers, `-100:` is one of them and not an option.
    """

    def __init__(self, name: str | None, **options: Any) -> None:
        super().__init__(name, **options)
        # Here and not in each function: no command could forget them.
        self.params = [*self.params, *_shared()]
        # Options that do not exist come to the ranges then, which refuse them.
        self.ignore_unknown_options = any(each.name == "ranges" for each in self.params)

    def get_params(self, ctx: Any) -> list[Any]:
        """Called by Typer: all parameters, with `--help`."""
        return read_plain_values(super().get_params(ctx))


class Group(_Helping, TyperGroup):
    """Several commands under one name."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Called by Typer: all parameters, with `--help`."""
        return read_plain_values(super().get_params(ctx))

    def _commands(self, context: Any) -> list[tuple[str, str]]:
        return [
            (name, _parts(command.help or "")[0].partition("\n")[0])
            for name in self.list_commands(context)
            if (command := self.get_command(context, name)) is not None
        ]

    def _usage_of_commands(self) -> list[str]:
        return ["COMMAND [ARGUMENTS]..."]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Called by Typer. Names what was probably meant, in our own words."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            # One suggestion: with more of them, the message is a list to choose from again.
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {name!r}.{meant}")
        return super().resolve_command(ctx, args)


@cache
def _shared() -> tuple[Any, ...]:
    """The options of every command, as Typer makes them from a function."""

    def shared(debug: Debug = False, log_format: LogFormat = None) -> None:
        """Never called: it only declares."""

    shared.__annotations__ = {"debug": Debug, "log_format": LogFormat}
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command()(shared)
    return tuple(get_command(alone).params)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")


def _metavar(argument: Any) -> str:
    """How an argument is written in the usage: `FILE`, `[FILE]`, `RANGE...`."""
    name = argument.metavar or str(argument.name).upper()
    if argument.nargs == -1 and not name.endswith("..."):
        name += "..."
    return name if argument.required else f"[{name}]"


def _plain(text: str) -> str:
    """What Typer says about an option, as a person would: `1 to 256` for `1<=x<=256`."""
    # Typer has no setting for how it writes a range.
    text = re.sub(r"([\d.]+)<=x<=([\d.]+)", r"\1 to \2", text)
    return re.sub(r"x>=([\d.]+)", r"at least \1", text)


def _parts(text: str) -> tuple[str, list[str]]:
    """A docstring's text, and the lines of its examples."""
    before, _, after = text.partition(_EXAMPLES)
    return before.strip(), [line.strip() for line in after.splitlines() if line.strip()]


def _heading(text: str, *, colon: bool = True) -> str:
    return _styled(text, bold=True) + (":" if colon else "")


def _styled(text: str, *, colour: str | None = None, bold: bool = False) -> str:
    """With colour; where standard output is not a terminal, Typer takes it out again."""
    # https://no-color.org: any value counts, but an empty one.
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return typer.style(text, fg=colour, bold=bold or None)
