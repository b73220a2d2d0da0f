"""The collector that gathers records in a pandas DataFrame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from ekspiper.core import BatchError, Collector, ConfigError, Permanent

from ._checks import missing_extra, refuse_unless_positive

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DataFrameCollector"]

_CATEGORIES = ("TransactionType", "LedgerEntryType", "meta.TransactionResult")
_INT64 = range(-(2**63), 2**63)
_CURRENCY_CODE = re.compile(r"[0-9A-F]{40}").fullmatch

Kind = Literal["integer", "boolean", "float", "text", "time", "category", "object"]


class DataFrameCollector(Collector[Any]):
    """Gathers records in memory and gives them as a DataFrame.

    Every `chunk_rows` records become typed columns, and `to_frame` puts the chunks together. A
    record counts as kept when it is in the memory of this process.

    Columns are nullable integers and booleans, strings, UTC timestamps (fields that end in `_iso`),
    and categories (types and result codes). Objects and lists stay Python objects, or become
    columns such as `Fee.value` with `flatten`. A column with values of several kinds holds Python
    objects: a value is never changed to fit.

    With `flatten`, the currencies of ledger records are names to read and to compare with, such as
    SOLO in `Amount.currency`; the ledger's own code stands beside them in `Amount.currency_code`.
    A code that cannot be read, or reads like another currency, is its own name.

    Args:
        amounts: the value of an amount as a `string`, or as a `decimal.Decimal`.
        backend: `numpy` for pandas' own types, `pyarrow` for Arrow's.
        schema: the dtype of a column, for `astype`, in the place of the one that it would get.
        chunk_rows: the number of records that are gathered before they become columns.
        flatten: make columns of the fields of objects; lists stay as they are.
        columns: keep only these columns, which saves memory.
        categories: further columns with few different values.

    Raises:
        ConfigError: an option that cannot work.
        MissingExtra: pandas is not installed, or pyarrow with that backend.
    """

    def __init__(
        self,
        *,
        amounts: Literal["string", "decimal"] = "string",
        backend: Literal["numpy", "pyarrow"] = "numpy",
        schema: dict[str, str] | None = None,
        chunk_rows: int = 10_000,
        flatten: bool = False,
        columns: list[str] | None = None,
        categories: list[str] | None = None,
    ) -> None:
        _pandas()
        if backend == "pyarrow":
            _refuse_without_pyarrow()
        if amounts not in ("string", "decimal"):
            raise ConfigError(f"amounts is string or decimal, not {amounts!r}")
        if backend not in ("numpy", "pyarrow"):
            raise ConfigError(f"backend is numpy or pyarrow, not {backend!r}")
        refuse_unless_positive(chunk_rows=chunk_rows)
        self._decimals = amounts == "decimal"
        self._backend = backend
        self._schema = dict(schema or {})
        self._chunk_rows = chunk_rows
        self._flatten = flatten
        self._only = None if columns is None else frozenset(columns)
        self._order = columns
        self._categories = frozenset((*_CATEGORIES, *(categories or ())))
        self._records: list[dict[str, Any]] = []
        self._chunks: list[dict[str, pd.Series[Any] | None]] = []
        self._lengths: list[int] = []

    def __len__(self) -> int:
        return sum(self._lengths) + len(self._records)

    async def collect(self, batch: Sequence[Any]) -> None:
        """Gather a batch.

        Raises:
            BatchError: these members are not records; the others were gathered.
        """
        failures: dict[int, Exception] = {}
        for place, record in enumerate(batch):
            try:
                self._records.append(self._row(record))
            except (Permanent, RecursionError) as error:
                failures[place] = Permanent(f"it does not fit into a DataFrame: {error}")
            # Typed columns take a fraction of the memory of dicts, so dicts are kept for one chunk
            # only.
            if len(self._records) >= self._chunk_rows:
                self._end_chunk()
        if failures:
            raise BatchError(failures)

    def to_frame(self) -> pd.DataFrame:
        """All records gathered so far, one row each, in order.

        Raises:
            ConfigError: a column cannot have the dtype that `schema` gives it.
        """
        pandas = _pandas()
        self._end_chunk()
        names = list(dict.fromkeys(name for chunk in self._chunks for name in chunk))
        if self._order is not None:
            names = list(self._order)
        index = pandas.RangeIndex(sum(self._lengths))
        data = {name: self._whole(name) for name in names}
        frame: pd.DataFrame = pandas.DataFrame(data, index=index, columns=names)
        return frame

    def clear(self) -> None:
        """Forget all records."""
        self._records, self._chunks, self._lengths = [], [], []

    def _row(self, record: Any) -> dict[str, Any]:
        if not isinstance(record, Mapping):
            raise Permanent(f"{type(record).__name__} is not a record")
        row: dict[str, Any] = dict(_flat(record) if self._flatten else record)
        if self._only is not None:
            row = {name: value for name, value in row.items() if name in self._only}
        if self._decimals:
            row = _flat_decimals(row) if self._flatten else _decimals(row)
        return row

    def _end_chunk(self) -> None:
        if not self._records:
            return
        records, self._records = self._records, []
        names = dict.fromkeys(name for record in records for name in record)
        self._chunks.append(
            {name: self._column(name, [record.get(name) for record in records]) for name in names}
        )
        self._lengths.append(len(records))

    def _column(self, name: str, values: list[Any]) -> pd.Series[Any] | None:
        """Typed values; None for a column without values, as those say nothing of the type."""
        if values.count(None) == len(values):
            return None
        kind = self._kind(name, values)
        dtype = _dtype(kind, self._backend)
        if kind == "time":
            return _times(_pandas().Series(values, dtype=object)).astype(dtype)  # type: ignore[no-any-return]
        return _pandas().Series(values, dtype=dtype)  # type: ignore[no-any-return]

    def _kind(self, name: str, values: list[Any]) -> Kind:
        types = set(map(type, values)) - {type(None)}
        if types == {bool}:
            return "boolean"
        if types == {int}:
            # An integer beyond 64 bits stays a Python object, instead of a float that has lost
            # digits.
            fits = all(value is None or value in _INT64 for value in values)
            return "integer" if fits else "object"
        if types == {float}:
            return "float"
        if types != {str} or not all(value is None or _is_unicode(value) for value in values):
            return "object"
        if name.endswith("_iso") and _are_times(values):
            return "time"
        return "category" if name in self._categories else "text"

    def _whole(self, name: str) -> pd.Series[Any]:
        """One column of all chunks; its dtype is the one that all chunks have, or object."""
        pandas = _pandas()
        parts = [chunk.get(name) for chunk in self._chunks]
        found = {_family(part) for part in parts if part is not None}
        dtype = self._common(found, parts)
        filled = [
            pandas.Series([None] * length, dtype=dtype) if part is None else part.astype(dtype)
            for part, length in zip(parts, self._lengths, strict=True)
        ]
        whole = pandas.concat(filled, ignore_index=True) if filled else pandas.Series(dtype=dtype)
        wanted = self._schema.get(name)
        if wanted is None:
            return whole  # type: ignore[no-any-return]
        try:
            return whole.astype(wanted)  # type: ignore[no-any-return]
        except (TypeError, ValueError) as error:
            raise ConfigError(f"column {name} cannot have the dtype {wanted}: {error}") from error

    def _common(self, found: set[str], parts: Iterable[pd.Series[Any] | None]) -> Any:
        pandas = _pandas()
        kinds = [part.dtype for part in parts if part is not None]
        if found == {"category"}:
            values = pandas.api.types.union_categoricals(
                [pandas.Categorical([], dtype=kind) for kind in kinds], ignore_order=True
            )
            return pandas.CategoricalDtype(values.categories)
        return kinds[0] if len(found) == 1 else object


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise missing_extra("a DataFrame", error, extra="pandas") from error
    return pandas


def _refuse_without_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401  # pandas would import it later, with a less helpful message
    except ImportError as error:
        raise missing_extra("backend = pyarrow", error, extra="pandas,parquet") from error


def _dtype(kind: Kind, backend: str) -> Any:
    if kind == "object":
        return object
    if kind == "category":
        return "category"
    if backend == "numpy":
        return {
            "integer": "Int64",
            "boolean": "boolean",
            "float": "Float64",
            "text": "string",
            "time": "datetime64[us, UTC]",
        }[kind]
    import pyarrow

    return _pandas().ArrowDtype(
        {
            "integer": pyarrow.int64(),
            "boolean": pyarrow.bool_(),
            "float": pyarrow.float64(),
            "text": pyarrow.string(),
            "time": pyarrow.timestamp("us", tz="UTC"),
        }[kind]
    )


def _family(part: pd.Series[Any]) -> str:
    name = str(part.dtype)
    return "category" if name == "category" else name


def _is_unicode(text: str) -> bool:
    return text.isascii() or text.isprintable() or _encodes(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _are_times(values: list[Any]) -> bool:
    try:
        _times([value for value in values if value is not None])
    except (ValueError, OverflowError):
        return False
    return True


def _times(values: Any) -> Any:
    pandas = _pandas()
    try:
        return pandas.to_datetime(values, utc=True, format="ISO8601")
    except pandas.errors.OutOfBoundsDatetime:
        # pandas 2 counts nanoseconds here, which do not reach the years before 1678 and after 2262.
        plain = [value if value is None else _plain_utc(value) for value in values]
        return pandas.Series(plain, dtype="datetime64[us]").dt.tz_localize("UTC")


def _plain_utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Fields of objects as `Fee.value`; an empty object stays as it is."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping) and value:
            below = dict(_with_currency(value)) if _is_asset(value) else value
            flat.update(_flat(below, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _is_asset(value: Mapping[str, Any]) -> bool:
    """Whether it is an amount or an asset of a ledger record, with a code for its currency."""
    return isinstance(value.get("currency"), str) and "issuer" in value


def _with_currency(asset: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Its fields in order, with the currency as a name, and its code behind that."""
    for name, value in asset.items():
        if name == "currency":
            yield name, _currency_name(value)
            yield "currency_code", value
        elif name != "currency_code":
            yield name, value


def _currency_name(code: str) -> str:
    """A code of 40 hex digits as text, where it is printable and reads like no other currency.

    The rules are those of `currency_name` in ekspiper-xrpl, which this package does not need.
    """
    if not _CURRENCY_CODE(code):
        return code
    letters = bytes.fromhex(code).rstrip(b"\0")
    if not letters or any(not 0x20 <= byte <= 0x7E for byte in letters):
        return code
    text = letters.decode("ascii")
    deceives = len(text) == 3 or text != text.strip() or text.upper().startswith("LP ")
    return code if deceives else text


def _is_amount(value: Any) -> bool:
    return isinstance(value, Mapping) and {"currency", "value"} <= value.keys()


def _decimals(value: Any) -> Any:
    """The same with a Decimal for each amount's value, at any depth."""
    if isinstance(value, Mapping):
        found = {name: _decimals(item) for name, item in value.items()}
        if _is_amount(value):
            found["value"] = _decimal(value["value"])
        return found
    return [_decimals(item) for item in value] if isinstance(value, list) else value


def _flat_decimals(row: dict[str, Any]) -> dict[str, Any]:
    found = {name: _decimals(value) for name, value in row.items()}
    for name in row:
        amount, _, field = name.rpartition(".")
        if field == "value" and amount:
            found[name] = _decimal(row[name])
    return found


def _decimal(text: Any) -> Any:
    try:
        return Decimal(text) if isinstance(text, str) else text
    except InvalidOperation:
        return text
