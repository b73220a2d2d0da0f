"""A run as a table, for a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TypeAlias

from .report import CollectorStatistics, Statistics, StepStatistics

__all__ = ["as_html"]

Row: TypeAlias = tuple[str, str, str, str]

_HEAD = ("", "in", "out", "not well")


def as_html(statistics: Statistics, *, state: str) -> str:
    """The counters of a run that is in `state`, one row for each of its parts."""
    rows = [*_sources(statistics), *_steps(statistics)]
    rows += [*_queues(statistics), *_collectors(statistics)]
    caption = f"{state}, {statistics.seconds:,.1f} s, {statistics.checkpoints:,} checkpoints"
    head = "".join(f"<th>{each}</th>" for each in _HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def _sources(statistics: Statistics) -> Iterator[Row]:
    for name, each in statistics.sources.items():
        at = "" if each.position is None else f", checkpoint at {each.position}"
        lag = "" if each.lag is None else f", {each.lag:,.1f} s behind"
        yield (
            f"source of {name}",
            f"{each.read:,} read{lag}",
            f"{each.kept:,} kept{at}",
            _trouble(dead_letters=each.dead_lettered, dropped=each.dropped),
        )


def _steps(statistics: Statistics) -> Iterator[Row]:
    for place, each in statistics.steps.items():
        yield (
            f"step {place}",
            f"{each.items_in:,} in",
            f"{each.items_out:,} out",
            _trouble_of(each),
        )


def _queues(statistics: Statistics) -> Iterator[Row]:
    for name, each in statistics.queues.items():
        fill = f"{each.items:,} of {each.max_items:,} items"
        yield (f"queue {name}", fill, f"{each.bytes:,} of {each.max_bytes:,} bytes", "")


def _collectors(statistics: Statistics) -> Iterator[Row]:
    for place, each in statistics.collectors.items():
        yield (
            f"collector {place}",
            f"{each.items:,} kept",
            f"{each.bytes:,} bytes",
            _trouble_of(each),
        )


def _trouble_of(part: StepStatistics | CollectorStatistics) -> str:
    trouble = _trouble(dead_letters=part.dead_letters, dropped=part.dropped, retries=part.retries)
    now = f"failing now: {part.failing}" if part.failing else ""
    return "; ".join(filter(None, (trouble, now)))


def _trouble(**counts: int) -> str:
    return ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count
    )
