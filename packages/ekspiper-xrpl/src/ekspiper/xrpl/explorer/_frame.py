"""Tables: pandas DataFrames with fixed types, which shorten long names when they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ekspiper.core import MissingExtra
from ekspiper.xrpl.derive import shorten

from ._tables import Column

try:
    import numpy as np
    import pandas as pd
except ImportError:
    raise MissingExtra("tables need pandas: pip install 'ekspiper-xrpl[notebook]'") from None

__all__ = ["Frame", "frame_of_cells", "make_frame"]

_CELL = "white-space:nowrap;font-variant-numeric:tabular-nums"


class Frame(pd.DataFrame):
    """A DataFrame that shows addresses and hashes short. The values stay whole.

    The column `problem` is shown only where a row has one.
    """

    @property
    def _constructor(self) -> Callable[..., Frame]:
        # pandas makes new frames by this: a filtered table shows itself in the same way.
        return Frame

    def _repr_html_(self) -> str:
        # The user's own options of pandas hold here as well; 0 and None mean all rows.
        most = pd.get_option("display.max_rows") or len(self)
        fewest = pd.get_option("display.min_rows") or most
        shown = self._shown()
        return _styled(
            shown.to_html(
                max_rows=most if len(self) <= most else fewest,
                max_cols=pd.get_option("display.max_columns") or None,
                show_dimensions=len(self) > most,
                formatters=shown._formatters(),
                # pandas then adds the styles of its own tables, so that ours look like any other.
                notebook=True,
            )
        )

    def __repr__(self) -> str:
        most = pd.get_option("display.max_rows") or len(self)
        shown = self._shown()
        return str(
            shown.to_string(
                max_rows=most,
                min_rows=pd.get_option("display.min_rows"),
                max_cols=pd.get_option("display.max_columns") or None,
                line_width=pd.get_option("display.width"),
                show_dimensions=len(self) > most,
                formatters=shown._formatters(),
            )
        )

    def _shown(self) -> Frame:
        """Without the column `problem` while no row has one: it is empty nearly always."""
        if "problem" not in self.columns or not self.columns.is_unique:
            return self
        return self if self["problem"].notna().any() else self.drop(columns="problem")

    def _formatters(self) -> dict[Any, Callable[[Any], str]]:
        """How each column with text is shown; none where two columns share a name."""
        if not self.columns.is_unique:
            return {}
        chosen = ((name, _formatter(dtype)) for name, dtype in self.dtypes.items())
        return {name: formatter for name, formatter in chosen if formatter is not None}


def make_frame(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Frame:
    """A table of rows whose values stand in the order of the columns.

    Times come in as seconds of the Unix epoch, and go out as UTC timestamps.
    """
    listed = list(rows)
    values: Iterable[Sequence[Any]] = zip(*listed, strict=True) if listed else [()] * len(columns)
    # Column by column, as pandas holds them: rows would be taken apart again.
    data = {
        column.name: _series(column.dtype, cells)
        for column, cells in zip(columns, values, strict=True)
    }
    return Frame(data)


def _series(dtype: str, cells: Sequence[Any]) -> pd.Series[Any]:
    make = _MAKERS.get(dtype)
    return make(cells) if make else pd.Series(list(cells), dtype=dtype)


def _times(cells: Sequence[Any]) -> pd.Series[Any]:
    # Where one is missing, pandas would make floats of all the others.
    stamps = pd.to_datetime(pd.Series(list(cells), dtype="Int64"), unit="s", utc=True)
    return stamps.astype("datetime64[ns, UTC]")


def _categories(cells: Sequence[Any]) -> pd.Series[Any]:
    # By way of strings, so that a category without any value is one of text as well.
    return pd.Series(list(cells), dtype="string").astype("category")


_MAKERS: Mapping[str, Callable[[Sequence[Any]], pd.Series[Any]]] = {
    "time": _times,
    "category": _categories,
}


def frame_of_cells(
    columns: Sequence[Column], count: int, cells: Sequence[tuple[bytearray, bytearray, Any]]
) -> Frame:
    """The same table of what the compiled codec made: `TableColumns.take`."""
    return Frame(
        {
            column.name: _READERS[column.dtype](count, *cell)
            for column, cell in zip(columns, cells, strict=True)
        },
        # A table without rows has this index too.
        index=pd.RangeIndex(count),
    )


def _missing(given: bytearray) -> Any:
    return np.frombuffer(given, dtype=bool)


def _integers(count: int, missing: bytearray, values: bytearray, _: None) -> Any:
    return pd.arrays.IntegerArray(np.frombuffer(values, np.int64), _missing(missing))


def _floats(count: int, missing: bytearray, values: bytearray, _: None) -> Any:
    return pd.arrays.FloatingArray(np.frombuffer(values), _missing(missing))


def _booleans(count: int, missing: bytearray, values: bytearray, _: None) -> Any:
    found = np.frombuffer(values, np.int64) != 0
    return pd.arrays.BooleanArray(found, _missing(missing))


def _seconds(count: int, missing: bytearray, values: bytearray, _: None) -> Any:
    stamps = (np.frombuffer(values, np.int64) * 1_000_000_000).view("datetime64[ns]")
    stamps[_missing(missing)] = np.datetime64("NaT", "ns")
    return pd.DatetimeIndex(stamps).tz_localize("UTC")


def _texts(count: int, missing: bytearray, offsets: bytearray, data: bytes) -> Any:
    import pyarrow as pa

    # Arrow has a bit for each that is there.
    valid = np.packbits(~_missing(missing), bitorder="little").tobytes()
    buffers = [pa.py_buffer(each) for each in (valid, offsets, data)]
    array = pa.Array.from_buffers(pa.large_string(), count, buffers)
    dtype: Any = pd.StringDtype()
    return dtype.__from_arrow__(array)


def _places(count: int, missing: bytearray, places: bytearray, names: Mapping[bytes, int]) -> Any:
    """Categories in the order of their names, and those only that are there."""
    codes = np.frombuffer(places, np.int64)
    absent = _missing(missing)
    used = set(np.unique(codes[~absent]).tolist())
    kept = sorted((name.decode(), place) for name, place in names.items() if place in used)
    moved = np.zeros(len(names) + 1, np.int64)
    for new, (_, place) in enumerate(kept):
        moved[place] = new
    codes = moved[codes]
    codes[absent] = -1
    categories = pd.Index([name for name, _ in kept], dtype="string")
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories))


_READERS: Mapping[str, Callable[[int, bytearray, bytearray, Any], Any]] = {
    "Int64": _integers,
    "Float64": _floats,
    "boolean": _booleans,
    "time": _seconds,
    "string": _texts,
    "category": _places,
}


def _formatter(dtype: Any) -> Callable[[Any], str] | None:
    if isinstance(dtype, pd.CategoricalDtype | pd.StringDtype) or dtype.kind == "O":
        return _text
    return _time if isinstance(dtype, pd.DatetimeTZDtype) else None


def _text(value: Any) -> str:
    return shorten(value) if isinstance(value, str) else str(value)


def _time(value: Any) -> str:
    return "" if value is pd.NaT else value.strftime("%Y-%m-%d %H:%M:%S")


def _styled(html: str) -> str:
    """Cells without a value are empty, and none wraps: at the "…" of a short hash it would.

    A table that is wider than the page scrolls on its own.
    """
    for nothing in ("&lt;NA&gt;", "NaT", "NaN", "None"):
        html = html.replace(f"<td>{nothing}</td>", "<td></td>")
    html = html.replace("<div>", '<div style="overflow-x:auto">', 1)
    for tag in ("td", "th"):  # each cell, because Jupyter's own rules are about cells
        html = html.replace(f"<{tag}>", f'<{tag} style="{_CELL}">')
    return html
