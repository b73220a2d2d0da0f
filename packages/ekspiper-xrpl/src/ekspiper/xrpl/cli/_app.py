"""The commands of `ekspiper`, and what its exit codes mean.

Each command is loaded when it is used: a list of all of them needs no more than the summaries that
stand here.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from ._help import Command, Group
from ._logs import fail, set_up_logs, tell
from ._options import Debug, LogFormat
from ._streams import finish_output, say

__all__ = ["COMMANDS", "app", "ekspiper", "run"]

COMMANDS = {
    "daemon": "Follow the ledger, prove each one, and record what is in it.",
    "status": "Show how a daemon is doing: ledger, nodes, sinks, dead letters.",
    "backfill": "Fetch past ledgers: proven, in order, without gaps.",
    "snapshot": "Record all objects of one ledger, and prove that none is missing.",
    "payments": "Summarise every payment of a range of ledgers.",
    "nodes": "Show what each node of a network is and holds.",
    "books": "Print whole order books at one ledger.",
    "schema": "Show, export and compare the schemas of records.",
    "verify": "Check files that were written before.",
    "anchor": "Keep what proves ledgers of long ago.",
    "prove": "Write a proof that others can check, or check one.",
    "record": "Record ledgers, for `ekspiper replay`.",
    "replay": "Serve a recording as a node would.",
    "redeliver": "Process a daemon's dead letters again.",
    "check": "Check a configuration, and name every mistake with its line.",
    "graph": "Print the pipeline as a Mermaid flowchart.",
}
"""Every command, and the first line of its own help."""

# 128 and the number of SIGINT, as shells say it.
_INTERRUPTED = 130


# All commands together bring pydantic, rich and aiohttp, for which no `--help` should wait.
class _Deferred(Command):
    """A command whose module is loaded when somebody uses it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, help=COMMANDS[name], short_help=COMMANDS[name])

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Called by Typer, which then continues with the command of the context."""
        return _load(str(self.name)).make_context(info_name, args, parent, **extra)


class _Commands(Group):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        for name in COMMANDS:
            self.add_command(_Deferred(name))


def _load(name: str) -> Any:
    """The command itself."""
    module = import_module(f"{__package__}._commands.{name}")
    found = getattr(module, name)
    if isinstance(found, typer.Typer):
        return get_command(found)
    # Typer makes a click command of a function only as part of an app, so each gets an app of its
    # own.
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, cls=Command)(found)
    return get_command(alone)


app = typer.Typer(
    name="ekspiper",
    cls=_Commands,
    help="Reads the XRP Ledger so that every row is proven.\n\n"
    "Without --network a command reads the sample network that comes with the package.\n\n"
    "Examples:\n"
    "  ekspiper daemon --network sample --out out/sample\n"
    "  ekspiper backfill -1000: --network mainnet --out out/hour",
    epilog="Exit codes: 0 done, 2 bad arguments or configuration, 3 stopped with dead letters, "
    "1 anything else.",
    no_args_is_help=True,
    # Ours are one line; Typer's show a traceback with the values of local variables, secrets among
    # them.
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    # The codec is named as well: whether it is the compiled one is the first question about speed.
    if wanted:
        from importlib.metadata import version

        from ekspiper.xrpl.codec import implementation

        say(
            f"ekspiper {version('ekspiper-xrpl')} "
            f"(core {version('ekspiper-core')}, {implementation()} codec)"
        )
        raise typer.Exit


@app.callback()
def ekspiper(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Debug = False,
    log_format: LogFormat = None,
) -> None:
    """What every command takes."""


def run(arguments: list[str]) -> int:
    """Run the command line; its exit code."""
    set_up_logs()
    # Before anything else: Typer reads `--debug` only when it reaches it.
    # Read here, as the command line may be what cannot be parsed.
    debug = "--debug" in arguments
    try:
        code = _run(arguments)
    except Exception as error:
        code = _failed(error, debug=debug)
    except BaseException as error:
        # `SystemExit` and the like are not ours to explain.
        if not _is_interrupt(error):
            raise
        code = _INTERRUPTED
    if (why := finish_output()) is not None:
        fail(f"cannot write to standard output: {why}")
        return code or 1
    return code


def _run(arguments: list[str]) -> int:
    # Completion prints and exits by itself; our own exit codes would confuse the shell.
    if "_EKSPIPER_COMPLETE" in os.environ:  # the shell asks what could come next
        app(prog_name="ekspiper")
    command = get_command(app)
    # Not `command.main`, which ends with 1 when the reader of its output leaves.
    try:
        with command.make_context("ekspiper", arguments) as context:
            command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def _failed(error: Exception, *, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    # `ekspiper ... | head`: the reader has seen enough.
    if isinstance(error, BrokenPipeError):
        return 0
    # Not by class: Typer brings its own click, or uses the one that is installed.
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # wrong use, which Typer explains
        error.show()
        return int(error.exit_code)
    # A module of ours that is missing is a fault in the package, and needs its traceback.
    if isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("ekspiper"):
        fail(
            f"this command needs {error.name}, which is not installed: "
            "pip install 'ekspiper-xrpl[daemon]'"
        )
        return 2
    from ekspiper.core import ConfigError, EkspiperError, MissingExtra

    from ._interruption import Interrupted

    if isinstance(error, Interrupted):
        tell("ekspiper: stopped on request")
        return error.code
    if isinstance(error, EkspiperError) and _reader_left(error):
        return 0
    if debug:
        import traceback

        traceback.print_exception(error)
    elif not isinstance(error, EkspiperError):
        fail(f"{type(error).__name__}: {error} (run again with --debug for the traceback)")
        return 1
    for line in str(error).splitlines() or [type(error).__name__]:
        fail(line)
    # 2 tells a service manager not to start it again: only the operator can change that.
    return 2 if isinstance(error, ConfigError | MissingExtra) else 1


def _reader_left(error: BaseException | None) -> bool:
    """Whether the reader of our records has gone, as `head` does when it has seen enough."""
    while error is not None and not isinstance(error, BrokenPipeError):
        error = error.__cause__ or error.__context__
    return error is not None


def _is_interrupt(error: BaseException) -> bool:
    """Ctrl-C, as Python or asyncio raises it; asyncio is loaded if it was that."""
    return isinstance(error, KeyboardInterrupt) or (
        (loaded := sys.modules.get("asyncio")) is not None
        and isinstance(error, loaded.CancelledError)
    )
