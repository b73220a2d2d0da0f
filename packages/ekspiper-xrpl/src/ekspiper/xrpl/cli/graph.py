"""`ekspiper graph`: draw the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from ekspiper.core import Collector, Delivery, PassThrough

from ..config import RECORDS, collector_tables, load_settings
from ..flows import ledger_pipeline

__all__ = ["graph"]


def graph(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Configuration in TOML.")
    ] = None,
) -> None:
    """Print the pipeline as a Mermaid flowchart, with the collectors of a configuration."""
    settings = load_settings(file)
    tables = collector_tables(settings)
    named = {records: [t.path[-1] for t in tables if records in t.records] for records in RECORDS}
    for names in named.values():
        if settings.out is not None or file is None:
            names.append("files")
    pipeline = ledger_pipeline(
        _NewLedgers(),
        fetch_ledger=PassThrough(),
        pool=_NoPool(),
        collectors={
            records: [Delivery(_Drawn(), name=name) for name in names]
            for records, names in named.items()
        },
        fetch_concurrency=settings.pipeline.fetch_concurrency,
        books_concurrency=settings.pipeline.books_concurrency,
    )
    typer.echo(pipeline.to_mermaid(), nl=False)


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
