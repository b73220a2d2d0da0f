"""Small pieces of HTML for notebooks, in light and in dark: colours come from what is around."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["aligned", "bar_row", "caption", "facts", "lines", "row", "table"]

_BARS = {"bid": "rgba(30, 150, 90, 0.22)", "ask": "rgba(205, 70, 60, 0.22)"}
_CELL = "text-align:right;white-space:nowrap;padding:0.1em 0.7em;font-variant-numeric:tabular-nums"
_MUTED = "opacity:0.7;font-size:0.9em"


class _Html(str):
    """A text that is HTML already."""

    __slots__ = ()


def aligned(numbers: Sequence[str]) -> list[str]:
    """Cells of a column whose decimal points stand below each other.

    Shorter numbers are filled up with zeros that take their room without being seen.
    """
    places = [len(number.partition(".")[2]) for number in numbers]
    most = max(places, default=0)
    return [
        _Html(f"{escape(number)}{_hidden(most, given)}")
        for number, given in zip(numbers, places, strict=True)
    ]


def _hidden(most: int, given: int) -> str:
    if given == most:
        return ""
    # Zeros and not spaces: they are as wide as the digits that they stand below.
    zeros = ("" if given else ".") + "0" * (most - given)
    return f'<span style="visibility:hidden">{zeros}</span>'


def caption(title: str, said: str = "") -> str:
    """A heading, and a few words beside it."""
    beside = f' <span style="{_MUTED}">{escape(said)}</span>' if said else ""
    return f'<div style="margin:0.3em 0"><strong>{escape(title)}</strong>{beside}</div>'


def row(cells: Iterable[str]) -> str:
    """A row of a table."""
    return "<tr>" + "".join(_cell(cell) for cell in cells) + "</tr>"


def bar_row(cells: Sequence[str], *, share: float, kind: str) -> str:
    """A row with a bar behind it, `share` of its width.

    Args:
        cells: the texts.
        share: from 0 to 1.
        kind: `bid` or `ask`, for the colour.
    """
    percent = max(0.0, min(1.0, share)) * 100
    # A gradient, as a cell of a table cannot have another element behind its text.
    paint = (
        f"background:linear-gradient(to left,{_BARS[kind]} {percent:.1f}%,transparent "
        f"{percent:.1f}%)"
    )
    return f'<tr style="{paint}">' + "".join(_cell(cell) for cell in cells) + "</tr>"


def table(head: Iterable[str], rows: Iterable[str], *, note: str = "") -> str:
    """A table of rows that are HTML already."""
    titles = "".join(f'<th style="{_CELL}">{escape(each)}</th>' for each in head)
    below = f'<div style="{_MUTED}">{escape(note)}</div>' if note else ""
    body = "".join(rows)
    return (
        '<div style="overflow-x:auto"><table class="ekspiper" style="border-collapse:collapse">'
        f"<thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>{below}"
    )


def facts(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Names and values below each other; the third of each is the whole value, shown on hover."""
    cells = "".join(
        f'<tr><td style="{_MUTED};padding:0.1em 1em 0.1em 0;text-align:left">{escape(name)}</td>'
        f'<td style="text-align:left" title="{escape(whole)}">{escape(shown)}</td></tr>'
        for name, shown, whole in pairs
    )
    return f'<table class="ekspiper" style="border-collapse:collapse">{cells}</table>'


def lines(texts: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul style='margin:0.3em 0'>" + "".join(f"<li>{escape(t)}</li>" for t in texts) + "</ul>"


def _cell(text: str) -> str:
    # Texts come from the ledger, where anybody may write anything: a domain, or a currency's name.
    shown = text if isinstance(text, _Html) else escape(text)
    return f'<td style="{_CELL}">{shown}</td>'
