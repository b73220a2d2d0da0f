"""What can be configured, with defaults and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = [
    "RECORDS",
    "HttpSettings",
    "NodeSettings",
    "PipelineSettings",
    "Settings",
    "joined",
]

RECORDS = ("transactions", "ledgers", "book_offers", "amms")
"""The kinds of records that the daemon's flows end with."""


LedgerIndex = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HttpSettings(_Table):
    """The daemon's own HTTP: `/health`, `/ready` and `/metrics`."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """0 takes any free port; by default 9464, and any free one on the sample network."""


class NodeSettings(_Table):
    """How nodes are asked. Seconds and requests."""

    connect_timeout: Annotated[float, Field(gt=0)] | None = None
    """Give up when no node answers for so long at the start; None: never."""
    request_timeout: Annotated[float, Field(gt=0)] = 20.0
    network_id: Annotated[int, Field(ge=0)] | None = None
    """Refuse nodes of any other network; by default the network's own, where it has a name."""


class PipelineSettings(_Table):
    """How the flows run. Seconds and items."""

    fetch_concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Ledgers asked for at once."""
    books_concurrency: Annotated[int, Field(ge=1, le=256)] = 16
    """Order books asked for at once."""
    verify: bool = True
    strict: bool = False
    """Records that do not fit the schema become dead letters."""
    commit_seconds: Annotated[float, Field(gt=0)] = 1.0
    commit_items: Annotated[int, Field(ge=1)] = 1000
    drain_timeout: Annotated[float, Field(gt=0)] = 30.0


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
    from_ledger: LedgerIndex | None = Field(default=None, alias="from")
    until: LedgerIndex | None = None
    out: Path | None = None
    """The folder for files, dead letters and the checkpoint."""
    http: HttpSettings = HttpSettings()
    node: NodeSettings = NodeSettings()
    pipeline: PipelineSettings = PipelineSettings()
    collectors: dict[str, dict[str, Any]] = {}
    dead_letters: dict[str, Any] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
