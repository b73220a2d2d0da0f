"""What can be configured, with defaults and bounds."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from ekspiper.xrpl.output_folder import default_out, usable_path

from ._table import Table
from .collector_table import RECORDS, CollectorTable

__all__ = [
    "HttpSettings",
    "NodeSettings",
    "PipelineSettings",
    "Settings",
    "joined",
]

_SECONDS: dict[str, Any] = {"unit": "seconds"}
_REQUESTS: dict[str, Any] = {"unit": "requests"}
_REQUESTS_A_SECOND: dict[str, Any] = {"unit": "requests a second"}

# The daemon waits an hour for a ledger, which is longer than most outages: a dead letter needs
# somebody to look after it. A run that ends has somebody who waits for it.
_PATIENCE = 3600.0
_PATIENCE_UNTIL = 30.0


def _folder(value: Any) -> Any:
    return usable_path(value) if isinstance(value, str) else value


def _word(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[\w.-]+", value):
        raise ValueError("must be letters, digits, _, - and . only: it stands in tags and paths")
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Folder = Annotated[Path, BeforeValidator(_folder)]
LedgerIndex = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]


class _Table(Table):
    # `nan` passes every comparison with a bound, and TOML has it.
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class HttpSettings(_Table):
    """The daemon's own HTTP: `/health`, `/ready` and `/metrics`."""

    enabled: bool = True
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """0.0.0.0 is every address of the machine; empty would be that as well, and is refused."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """0 takes any free port; by default 9464, and any free one on the sample network."""
    sink_patience: Annotated[float, Field(gt=0, json_schema_extra=_SECONDS)] = 15.0
    """`/ready` says no when a collector has not acknowledged a batch for so long."""
    network_patience: Annotated[float, Field(gt=0, json_schema_extra=_SECONDS)] = 60.0
    """`/ready` says no when the network has had no new ledger for so long."""


class NodeSettings(_Table):
    """How nodes are asked: the options of `NodePool`."""

    connect_timeout: Annotated[float | None, Field(gt=0, json_schema_extra=_SECONDS)] = None
    """At the start: give up when no node answers within this time; None: never."""
    request_timeout: Annotated[float, Field(gt=0, json_schema_extra=_SECONDS)] = 20.0
    """A node that has not answered a request after this time is connected to again."""
    network_id: Annotated[int | None, Field(ge=0)] = None
    """Refuse nodes of any other network; by default the network's own, where it has a name."""
    liveness: Annotated[float, Field(ge=1, json_schema_extra=_SECONDS)] = 15.0
    """A node that sends no ledger for this time is connected to again."""
    hedge_after: Annotated[float, Field(gt=0, json_schema_extra=_SECONDS)] = 1.0
    """A request that takes this long is sent to a second node as well."""
    ledger_timeout: Annotated[float | None, Field(gt=0, json_schema_extra=_SECONDS)] = None
    """A ledger that no node serves for this time becomes a dead letter. None: an hour, and half a
    minute with `until`, when somebody waits for the end."""
    window: Annotated[int | None, Field(ge=1, le=4096, json_schema_extra=_REQUESTS)] = None
    """Most requests in flight on one node; None: 128, on public servers 4."""
    rate: Annotated[float | None, Field(gt=0, json_schema_extra=_REQUESTS_A_SECOND)] = None
    """Most requests a second on one node; None: no bound, on public servers 10."""
    polite: bool | None = None
    """Treat nodes as public servers; None: those that are known to be."""


class PipelineSettings(_Table):
    """How the flows run. Seconds and items."""

    # A ledger closes every 3.8 s and is fetched in a fraction of that; 16 at once is for catching
    # up.
    fetch_concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Ledgers asked for at once."""
    books_concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Order books asked for at once."""
    verify: bool = True
    strict: bool = False
    """Records that do not fit the schema become dead letters."""
    commit_seconds: Annotated[float, Field(gt=0, json_schema_extra=_SECONDS)] = 1.0
    """A checkpoint is written after this time or `commit_items` ledgers, whichever comes first."""
    commit_items: Annotated[int, Field(ge=1)] = 1000
    drain_timeout: Annotated[float, Field(gt=0, json_schema_extra=_SECONDS)] = 30.0
    """After a signal, what was read must be kept within this time; the rest is read again at the
    next start."""


def joined(value: Any) -> Any:
    """Listed nodes as one text with commas, as on the command line; anything else as it is."""
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return value


class Settings(_Table):
    """The daemon's configuration.

    Environment variables override the file, and the command line overrides both. A variable is
    `EKSPIPER_` and the key, with two underscores for each dot: `EKSPIPER_HTTP__PORT=9000`.
    """

    network: Annotated[str, BeforeValidator(joined)] = "sample"
    """A network's name, or URLs of nodes of one network."""
    network_name: Annotated[str | None, BeforeValidator(_word)] = None
    """What `{network}` stands for in collectors. By default the network's own name; for URLs
    `mainnet`, `testnet` or `devnet` where the nodes give that `network_id`, otherwise `custom`."""
    trust: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """`signed` records a ledger only when the validators have signed it, `hashed` checks hashes
    alone. By default signed where the publishers of the network's validator lists are known.
    `KEY=LIST` trusts another publisher: its master key, and the URL or file of its list. The path
    of a file trusts the validators whose keys it has. A list of texts may have several of these."""
    keep_proofs: Literal["flag", "each"] = "flag"
    """Keep the proof of one signed ledger in 256, or of `each`, in `proofs.jsonl`."""
    from_ledger: LedgerIndex | None = Field(default=None, alias="from")
    until: LedgerIndex | None = None
    out: Folder | None = None
    """The folder for files, dead letters and the checkpoint."""
    state: Folder | None = None
    """The folder for dead letters and the checkpoint, where you want no files."""
    http: HttpSettings = HttpSettings()
    node: NodeSettings = NodeSettings()
    pipeline: PipelineSettings = PipelineSettings()
    collectors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    dead_letters: dict[str, Any] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    """`json` is one event on each line, for programs that collect logs."""

    @property
    def ledger_timeout(self) -> float:
        """Seconds after which a ledger that no node serves becomes a dead letter."""
        given = self.node.ledger_timeout
        if given is not None:
            return given
        return _PATIENCE if self.until is None else _PATIENCE_UNTIL

    @property
    def state_folder(self) -> Path | None:
        """Where checkpoint and dead letters are; None: there are none, and records are printed."""
        given = self.out or self.state
        if given is None and self.collectors:
            return default_out(self.network, "daemon")
        return given

    @cached_property
    def collector_tables(self) -> tuple[CollectorTable, ...]:
        """The tables of `[collectors]`, parsed."""
        return tuple(
            CollectorTable.parse(("collectors", name), table)
            for name, table in self.collectors.items()
        )

    @cached_property
    def dead_letter_table(self) -> CollectorTable | None:
        """The table `[dead_letters]`, parsed."""
        if self.dead_letters is None:
            return None
        return CollectorTable.parse(("dead_letters",), self.dead_letters)

    @property
    def has_standard_output(self) -> bool:
        """Whether records go to standard output, because nothing else is configured."""
        return self.out is None and not self.collectors

    @property
    def tables(self) -> tuple[str, ...]:
        """The kinds of records whose files are in the state folder."""
        return () if self.out is None else RECORDS

    @property
    def state_option(self) -> str:
        """The option that names this folder on the command line."""
        return "--state" if self.out is None else "--out"
