"""The counters of a run, while it runs and at its end, and the tables that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .._wording import counted
from ..source import Position

__all__ = [
    "ChannelStatistics",
    "CollectorStatistics",
    "Report",
    "SourceReport",
    "Statistics",
    "StepStatistics",
    "as_html",
]


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """How full a channel is, and its bounds."""

    name: str
    items: int
    max_items: int
    bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceReport:
    """One source: the items that were read, and what became of them.

    Args:
        read: items read in this run.
        kept: of these, kept by every collector that they reached; filtered ones count as kept.
        dead_lettered: of these, partly or wholly in the dead letters.
        dropped: of these, partly or wholly lost by `on_error="skip"`.
        position: everything up to it is kept, and the checkpoint says so.
        lag: seconds between the newest item and now; None if that means nothing.
    """

    read: int
    kept: int
    dead_lettered: int
    dropped: int
    position: Position
    lag: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatistics:
    """One step: what went in and out, and what went wrong. Bytes are measured as queues do.

    Args:
        retries: calls that were tried again.
        head_of_line: seconds that finished items waited for an earlier one.
        failing: what went wrong last with the items that are being tried again; None if none are.
    """

    items_in: int
    bytes_in: int
    items_out: int
    bytes_out: int
    retries: int
    dead_letters: int
    dropped: int
    head_of_line: float
    failing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorStatistics:
    """One collector in one place: what it kept, and what went wrong.

    Args:
        failing: what it failed with last, while it is tried again.
        busy: seconds since it was given the batch that it has not answered for; 0 between batches.
        patience: seconds of being busy that are nothing to worry about.
        lag: seconds between now and the time of the newest item of which it has kept everything;
            None where the source does not tell the time of its items.
    """

    items: int
    bytes: int
    retries: int
    dead_letters: int
    dropped: int
    failing: str | None
    busy: float = 0.0
    patience: float = 15.0
    lag: float | None = None

    @property
    def problem(self) -> str | None:
        """What it is failing with now, or for how long it has not answered; None if all is well."""
        if self.failing is None and self.busy > self.patience:
            return f"has not answered for a batch for {self.busy:.0f} s"
        return self.failing


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """A run at one moment: sources by flow, steps by `flow/step`, collectors by place, queues.

    `run_failing` is what else the run tries again now: the dead-letter collector, the checkpoint.
    """

    seconds: float
    sources: Mapping[str, SourceReport]
    steps: Mapping[str, StepStatistics]
    collectors: Mapping[str, CollectorStatistics]
    queues: Mapping[str, ChannelStatistics]
    checkpoints: int
    run_failing: Mapping[str, str] = field(default_factory=dict)

    @property
    def failing(self) -> dict[str, str]:
        """What fails now and is tried again, by place; a collector that hangs fails, too."""
        steps = {place: step.failing for place, step in self.steps.items()}
        sinks = {place: collector.problem for place, collector in self.collectors.items()}
        found = {place: reason for place, reason in (steps | sinks).items() if reason is not None}
        return {**found, **self.run_failing}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run at its end; printed, it is a table.

    Args:
        seconds: how long it took.
        drained: it was asked to stop, and everything that was read is kept.
        sources: by flow.
        steps: by `flow/step`.
        collectors: by `flow/step/collector`.
        checkpoints: how many were written.
    """

    seconds: float
    drained: bool
    sources: Mapping[str, SourceReport]
    steps: Mapping[str, StepStatistics]
    collectors: Mapping[str, CollectorStatistics]
    checkpoints: int

    @property
    def read(self) -> int:
        """Items read from all sources."""
        return sum(each.read for each in self.sources.values())

    @property
    def kept(self) -> int:
        """Items that were kept completely."""
        return sum(each.kept for each in self.sources.values())

    @property
    def dead_lettered(self) -> int:
        """Items of which something went to the dead letters."""
        return sum(each.dead_lettered for each in self.sources.values())

    @property
    def dropped(self) -> int:
        """Items of which something was dropped."""
        return sum(each.dropped for each in self.sources.values())

    @property
    def retries(self) -> int:
        """Calls of processors and collectors that were tried again."""
        of_steps = sum(each.retries for each in self.steps.values())
        return of_steps + sum(each.retries for each in self.collectors.values())

    def __str__(self) -> str:
        return "\n".join([_headline(self), "", *_aligned([_HEAD, *_rows(self)])])


_HEAD = ("", "in", "out", "retries", "dead letters", "dropped", "checkpoint")


def _headline(report: Report) -> str:
    counts = (
        f"{counted(report.read, 'item')} read",
        f"{report.kept:,} kept",
        f"{report.dead_lettered:,} dead-lettered",
        f"{report.dropped:,} dropped",
        "1 retry" if report.retries == 1 else f"{report.retries:,} retries",
        counted(report.checkpoints, "checkpoint"),
    )
    state = "drained" if report.drained else "ended"
    return f"{state} after {report.seconds:,.1f} s: {', '.join(counts)}"


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    for flow, source in report.sources.items():
        position = "" if source.position is None else str(source.position)
        yield (
            f"source of {flow}",
            f"{source.read:,}",
            f"{source.kept:,}",
            "",
            _count(source.dead_lettered),
            _count(source.dropped),
            position,
        )
    for place, step in report.steps.items():
        yield (f"step {place}", f"{step.items_in:,}", f"{step.items_out:,}", *_mishaps(step), "")
    for place, sink in report.collectors.items():
        yield (f"collector {place}", f"{sink.items:,}", "", *_mishaps(sink), "")


def _mishaps(part: StepStatistics | CollectorStatistics) -> tuple[str, str, str]:
    return _count(part.retries), _count(part.dead_letters), _count(part.dropped)


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        line = [name.ljust(widths[0])]
        line += [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        yield "  ".join(line).rstrip()


Row: TypeAlias = tuple[str, str, str, str]

_HTML_HEAD = ("", "in", "out", "not well")


def as_html(statistics: Statistics, *, state: str) -> str:
    """A table of the counters of a run that is in `state`, for a notebook; a row for each part."""
    rows = [*_html_sources(statistics), *_html_steps(statistics)]
    rows += [*_html_queues(statistics), *_html_collectors(statistics)]
    from html import escape  # only notebooks show it

    caption = f"{state}, {statistics.seconds:,.1f} s, {statistics.checkpoints:,} checkpoints"
    head = "".join(f"<th>{each}</th>" for each in _HTML_HEAD)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption><tr>{head}</tr>{body}</table>"


def _html_sources(statistics: Statistics) -> Iterator[Row]:
    for name, each in statistics.sources.items():
        at = "" if each.position is None else f", checkpoint at {each.position}"
        lag = "" if each.lag is None else f", {each.lag:,.1f} s behind"
        yield (
            f"source of {name}",
            f"{each.read:,} read{lag}",
            f"{each.kept:,} kept{at}",
            _problems(dead_letters=each.dead_lettered, dropped=each.dropped),
        )


def _html_steps(statistics: Statistics) -> Iterator[Row]:
    for place, each in statistics.steps.items():
        yield (
            f"step {place}",
            f"{each.items_in:,} in",
            f"{each.items_out:,} out",
            _problems_of(each),
        )


def _html_queues(statistics: Statistics) -> Iterator[Row]:
    for name, each in statistics.queues.items():
        fill = f"{each.items:,} of {each.max_items:,} items"
        yield (f"queue {name}", fill, f"{each.bytes:,} of {each.max_bytes:,} bytes", "")


def _html_collectors(statistics: Statistics) -> Iterator[Row]:
    for place, each in statistics.collectors.items():
        yield (
            f"collector {place}",
            f"{each.items:,} kept",
            f"{each.bytes:,} bytes",
            _problems_of(each),
        )


def _problems_of(part: StepStatistics | CollectorStatistics) -> str:
    problems = _problems(dead_letters=part.dead_letters, dropped=part.dropped, retries=part.retries)
    now = f"failing now: {part.failing}" if part.failing else ""
    return "; ".join(filter(None, (problems, now)))


def _problems(**counts: int) -> str:
    return ", ".join(
        f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count
    )
