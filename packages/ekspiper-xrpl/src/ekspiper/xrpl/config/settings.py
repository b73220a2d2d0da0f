"""What can be configured, with defaults and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["RECORDS", "HttpSettings", "NodeSettings", "PipelineSettings", "Settings"]

RECORDS = ("transactions", "ledgers", "book_offers")
"""The kinds of records that the daemon's flows end with."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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


def _joined(value: Any) -> Any:
    """Nodes may be listed; the rest of the program takes them with commas, as on the command line."""
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return value


class Settings(BaseSettings):
    """The daemon's configuration.

    Environment variables override the file, and the command line overrides both. A variable is
    `EKSPIPER_` and the key, with two underscores for each dot: `EKSPIPER_HTTP__PORT=9000`.
    """

    model_config = SettingsConfigDict(
        env_prefix="EKSPIPER_", env_nested_delimiter="__", extra="forbid", populate_by_name=True
    )

    network: Annotated[str, BeforeValidator(_joined)] = "sample"
    """A network's name, or URLs of nodes of one network."""
    from_ledger: Annotated[int, Field(ge=1)] | None = Field(default=None, alias="from")
    until: Annotated[int, Field(ge=1)] | None = None
    out: Path | None = None
    """The folder for files, dead letters and the checkpoint."""
    http: HttpSettings = HttpSettings()
    node: NodeSettings = NodeSettings()
    pipeline: PipelineSettings = PipelineSettings()
    collectors: dict[str, dict[str, Any]] = {}
    dead_letters: dict[str, Any] | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _in_order(self) -> Settings:
        first, last = self.from_ledger, self.until
        if first is not None and last is not None and last < first:
            raise ValueError(f"until ({last}) is before from ({first})")
        return self
