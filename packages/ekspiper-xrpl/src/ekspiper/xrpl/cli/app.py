"""The console script `ekspiper`: its commands, and what its exit codes mean."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.metadata import version
from typing import Annotated, Any

from ekspiper.core import MissingExtra

try:
    import typer
    from typer.core import TyperGroup
except ImportError:
    sys.exit("ekspiper: the command line needs more: pip install 'ekspiper-xrpl[daemon]'")

from ekspiper.core import ConfigError, EkspiperError

from . import (
    backfill,
    books,
    check,
    daemon,
    graph,
    nodes,
    payments,
    record,
    redeliver,
    replay,
    schema,
    snapshot,
    verify,
)
from .arguments import arranged
from .interruptible import Interrupted
from .logs import log_to_stderr

__all__ = ["app", "ekspiper", "main"]


class _Commands(TyperGroup):
    """Reads arguments in the order in which people write them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Called by Typer."""
        return super().parse_args(ctx, arranged(args))


app = typer.Typer(
    name="ekspiper",
    cls=_Commands,
    help="Reads the XRP Ledger so that every row is proven. "
    "Without --network a command reads the sample network that comes with the package.",
    epilog="Exit codes: 0 done, 2 bad arguments or configuration, 3 stopped with dead letters, "
    "1 anything else.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ekspiper {version('ekspiper-xrpl')} (core {version('ekspiper-core')})")
        raise typer.Exit


@app.callback()
def ekspiper(
    context: typer.Context,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback with errors, and log everything.")
    ] = False,
) -> None:
    """Options of every command."""
    context.obj = debug
    log_to_stderr("debug" if debug else "info")


app.command("daemon")(daemon.daemon)
app.command("backfill")(backfill.backfill)
app.command("snapshot")(snapshot.snapshot)
app.command("payments")(payments.payments)
app.command("nodes")(nodes.nodes)
app.command("books")(books.books)
app.add_typer(schema.schema)
app.command("verify")(verify.verify)
app.command("record")(record.record)
app.command("redeliver")(redeliver.redeliver)
app.command("replay")(replay.replay)
app.command("check")(check.check)
app.command("graph")(graph.graph)


def main() -> None:
    """Run the command line and exit with its code."""
    debug = "--debug" in sys.argv
    try:
        app(prog_name="ekspiper")
    except (ConfigError, MissingExtra) as error:
        code = _failed(error, 2, debug=debug)
    except EkspiperError as error:
        code = 0 if _reader_left(error) else _failed(error, 1, debug=debug)
    except Interrupted:
        typer.echo("ekspiper: stopped on request", err=True)
        code = 0
    except BrokenPipeError:
        code = 0
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = 130
    except Exception as error:
        line = f"{type(error).__name__}: {error} (run again with --debug for the traceback)"
        code = _failed(error if debug else EkspiperError(line), 1, debug=debug)
    _flush_output()
    sys.exit(code)


def _reader_left(error: BaseException | None) -> bool:
    """Whether the reader of our output has gone, as `head` does when it has seen enough."""
    while error is not None and not isinstance(error, BrokenPipeError):
        error = error.__cause__ or error.__context__
    return error is not None


def _flush_output() -> None:
    """Flush standard output, and keep Python from saying that its reader has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: Exception, code: int, *, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exception(error)
    for line in str(error).splitlines() or [type(error).__name__]:
        typer.echo(f"ekspiper: {line}", err=True)
    return code
