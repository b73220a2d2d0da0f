"""`ekspiper graph`: draw the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from ekspiper.core import Collector, Delivery, PassThrough
from ekspiper.xrpl.config import RECORDS, load_settings
from ekspiper.xrpl.flows import ledger_pipeline

from .._options import path_argument
from .._streams import say

__all__ = ["graph"]


def graph(
    file: Annotated[Path | None, path_argument("FILE", "Configuration in TOML.")] = None,
) -> None:
    """Print the pipeline as a Mermaid flowchart.

    With FILE it has the collectors of that configuration.

    Examples:
      ekspiper graph
      ekspiper graph ekspiper.toml > pipeline.mmd
    """
    settings = load_settings(file)
    tables = settings.collector_tables
    named = {records: [t.path[-1] for t in tables if records in t.records] for records in RECORDS}
    for names in named.values():
        if settings.out is not None or file is None:
            names.append("files")
    pipeline = ledger_pipeline(
        _NewLedgers(),
        fetch_ledger=PassThrough(),
        pool=_NoPool(),
        # Not the real ones: a drawing must not need a password or a server.
        collectors={
            records: [Delivery(_Drawn(), name=name) for name in names]
            for records, names in named.items()
        },
        fetch_concurrency=settings.pipeline.fetch_concurrency,
        books_concurrency=settings.pipeline.books_concurrency,
    )
    say(pipeline.to_mermaid(), end="")


class _NewLedgers:
    """Stands for the ledger stream in a drawing."""

    name = "new ledger events"

    def __iter__(self) -> Iterator[Any]:
        raise NotImplementedError("a drawing reads no ledgers")


class _NoPool:
    async def request(self, command: Any, *, ledger_index: int | None = None) -> dict[str, Any]:
        raise NotImplementedError("a drawing asks no node")


class _Drawn(Collector[Any]):
    """Stands for a collector in a drawing: nothing is opened for it, no secret is read."""

    async def collect(self, batch: Any) -> None:
        raise NotImplementedError("a drawing keeps no records")
