"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._logs import LOG_FORMATS, set_up_logs, tell

if TYPE_CHECKING:
    from ekspiper.xrpl.codec import Definitions

__all__ = [
    "Anchors",
    "ConfigFile",
    "ConnectTimeout",
    "Debug",
    "Format",
    "Json",
    "KnownTo",
    "Ledger",
    "LogFormat",
    "Network",
    "OptionalRanges",
    "Out",
    "Ranges",
    "Scheduler",
    "State",
    "Trust",
    "TrustKeys",
    "WorkerCount",
    "chosen_network",
    "default_out_option",
    "known_definitions",
    "known_network",
    "log_options",
    "not_empty",
    "path",
    "path_argument",
    "path_or_url",
]


def path(text: str) -> Path:
    """A path as it was given; refuses what cannot be one."""
    # Imported late, here and below: `--help` of every command reads this module.
    from ekspiper.xrpl.output_folder import usable_path

    try:
        return usable_path(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def not_empty(text: str) -> str:
    """Text that says something: an empty variable of a shell script does not mean the default."""
    if not text.strip():
        raise typer.BadParameter("it is empty; leave the option out for its default")
    return text


def _range(context: typer.Context, ranges: list[str]) -> list[str]:
    """Refuse what looks like an option: options that do not exist come here, as `-100:` does."""
    from ekspiper.xrpl.ranges import parse_range

    for text in ranges:
        # `-100:` begins with a digit after the dash, and no option does.
        if text.startswith("-") and not text[1:2].isdigit():
            known = [name for each in context.command.params for name in each.opts]
            near = difflib.get_close_matches(text.partition("=")[0], known, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            context.fail(f"No such option: {text}{meant}")
        parse_range(text)
    return ranges


def _optional_range(context: typer.Context, ranges: list[str] | None) -> list[str]:
    # Not None: typer takes the length of what it gets here.
    return _range(context, ranges) if ranges else []


def path_argument(metavar: str, help: str, *, urls: bool = False) -> Any:
    """An argument that is a path.

    Args:
        urls: whether it may be the URL of a place in an object store.
    """
    return typer.Argument(metavar=metavar, help=help, parser=path_or_url if urls else path)


def path_or_url(text: str) -> Path | str:
    """A path, or the URL of a place in an object store as it was given."""
    return text if "://" in text else path(text)


def default_out_option(command: str, *, urls: bool = False) -> Any:
    """`--out` of a command that has its own folder where none is given.

    Args:
        urls: whether it may be the URL of a place in an object store.
    """
    return typer.Option(
        "--out",
        "-o",
        metavar="DIR|URL" if urls else "DIR",
        parser=path_or_url if urls else path,
        help=f"Folder for files. [default: out/NETWORK-{command}]",
    )


Ranges = Annotated[
    list[str],
    typer.Argument(
        metavar="RANGE...",
        callback=_range,
        help="FIRST:LAST (both included), FIRST:+COUNT, or -COUNT: (the newest).",
    ),
]
OptionalRanges = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RANGE...",
        callback=_optional_range,
        show_default=False,
        help="FIRST:LAST (both included), FIRST:+COUNT, or -COUNT: (the newest).",
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network",
        "-n",
        metavar="NAME|URLS",
        parser=not_empty,
        help="sample, mainnet, testnet, devnet, or ws:// URLs of nodes, with commas. "
        "[default: sample]",
        show_default=False,
    ),
]
WorkerCount = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=1, help="Use N processes of this machine, by Dask."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="URL",
        parser=not_empty,
        help="Use the workers of this Dask scheduler.",
    ),
]
KnownTo = Annotated[
    str | None,
    typer.Option(
        "--network",
        "-n",
        metavar="NAME|URLS",
        parser=not_empty,
        help="Use the definitions of this network's nodes, not only those that come with us.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", parser=path, help="Folder for files; made when missing."
    ),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        parser=path,
        help="Folder for the checkpoint and the dead letters, where no files are wanted. "
        "[default: that of --out; with collectors and without --out, out/NETWORK-daemon]",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", parser=path, help="Configuration in TOML."),
]
ConnectTimeout = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        min=0.001,
        show_default=False,
        help="Give up when no node answers for S seconds. [default: never]",
    ),
]
Ledger = Annotated[
    int | None,
    typer.Option(
        metavar="L",
        min=1,
        # The index of a ledger has 32 bits; a server answers a larger one with an error about its
        # type.
        max=0xFFFFFFFF,
        show_default=False,
        help="The ledger. [default: the newest]",
    ),
]
Format = Annotated[str, typer.Option(metavar="jsonl|parquet", help="Format of the files.")]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the report as one JSON object, to standard output."),
]


Anchors = Annotated[
    list[str] | None,
    typer.Option(
        "--anchor",
        metavar="INDEX:HASH",
        help="A ledger that you know is the network's, to which earlier ones are chained.",
    ),
]
TrustKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="KEY[=LIST]",
        parser=not_empty,
        help="Trust this publisher of validators: its master key, and the URL or file of its list "
        "where one is fetched. Or a file with validators' own keys, one a line. May be given "
        "several times. [default: the publishers that are known]",
        show_default=False,
    ),
]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="signed|hashed|KEY=LIST",
        parser=not_empty,
        help="signed: only ledgers that validators have signed. hashed: check hashes alone. "
        "KEY=LIST: trust this publisher of validators, its master key and the URL or file of its "
        "list; or a file with validators' own keys. May be given several times. [default: signed "
        "where the network's publishers are known]",
        show_default=False,
    ),
]


# Both may stand before the command's name and after it. What was said first is kept in the root
# context, so that one option does not undo the other.
def _set_debug(context: typer.Context, wanted: bool) -> bool:
    if wanted:
        log_options(context)["level"] = "debug"
        set_up_logs(**log_options(context))
    return wanted


def _set_log_format(context: typer.Context, wanted: str | None) -> str | None:
    if wanted is not None:
        if wanted not in LOG_FORMATS:
            raise typer.BadParameter(f"it is {' or '.join(LOG_FORMATS)}, not {wanted!r}")
        log_options(context)["format"] = wanted
        set_up_logs(**log_options(context))
    return wanted


def log_options(context: typer.Context) -> dict[str, str]:
    """What the command line says of the log, before the command's name or after it."""
    root = context.find_root()
    root.obj = root.obj if isinstance(root.obj, dict) else {}
    given: dict[str, str] = root.obj
    return given


# Eager: the log must be set up before any other option is judged. Not a value: no command has a
# parameter for it.
_EVERYWHERE: dict[str, Any] = {"is_eager": True, "expose_value": False}
Debug = Annotated[
    bool,
    typer.Option(
        "--debug",
        callback=_set_debug,
        help="Show a traceback with errors, and log everything.",
        **_EVERYWHERE,
    ),
]
LogFormat = Annotated[
    str | None,
    typer.Option(
        "--log-format",
        metavar="text|json",
        callback=_set_log_format,
        help="How log lines are written: json is one event a line. [default: text]",
        **_EVERYWHERE,
    ),
]


def chosen_network(given: str | None) -> str:
    """The network to read. If none was chosen, say which one this is, and how to choose."""
    if given is not None:
        return given
    tell(
        "Reading the sample network that comes with ekspiper; for the real one: --network mainnet",
        style="dim",
    )
    return "sample"


def known_definitions(network: str | None, connect_timeout: float | None) -> Definitions:
    """The bundled definitions, without asking; with a network, those of its nodes."""
    return known_network(network, connect_timeout)[0]


def known_network(
    network: str | None, connect_timeout: float | None
) -> tuple[Definitions, int | None]:
    """The definitions and the id of a network; the bundled ones and None without a network."""
    from ekspiper.xrpl.codec import Definitions
    from ekspiper.xrpl.open_network import open_network

    from ._interruption import run_interruptible

    async def of(network: str) -> tuple[Definitions, int | None]:
        async with open_network(network, connect_timeout=connect_timeout) as opened:
            return opened.definitions, opened.pool.network_id

    return (Definitions.bundled(), None) if network is None else run_interruptible(of(network))
