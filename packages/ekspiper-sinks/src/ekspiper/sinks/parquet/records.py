"""The records of a dataset, as they were collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError

from .._json import from_json, iso_text
from ._arrow import arrow, arrow_parquet
from ._dataset import hidden_folder
from ._manifest import Entry, Manifest
from ._rest import put
from ._scalars import number_text
from ._shape import REST, is_json, is_python

__all__ = ["read_records", "records_of"]


def read_records(path: str | Path) -> Iterator[dict[str, Any]]:
    """Every record of the dataset at `path`, field by field what was collected.

    They come by folder and file, in the order in which they were collected. A writer may be at
    work; what it publishes meanwhile may be among them or not.

    Raises:
        ConfigError: there is not a dataset of ekspiper at `path`.
        MissingExtra: pyarrow is not installed.
    """
    path = Path(path)
    parquet = arrow_parquet()
    manifest = Manifest.load(hidden_folder(path) / "manifest.json")
    if manifest is None:
        raise ConfigError(f"{path} is not a dataset of ekspiper: a manifest beside it is missing")
    for entry in sorted(manifest.entries, key=lambda entry: entry.path):
        for batch in parquet.ParquetFile(_place(path, entry)).iter_batches():
            yield from records_of(batch)


def _place(path: Path, entry: Entry) -> Path:
    """Where a file is now: it may have been moved since the manifest was read."""
    staged = hidden_folder(path) / "staging" / (entry.staged or "")
    return staged if entry.staged and staged.exists() else path / entry.path


def records_of(table: Any) -> Iterator[dict[str, Any]]:
    """The records that an Arrow table or batch was made from."""
    decoders = {field.name: _decoder(field) for field in table.schema}
    for row in table.to_pylist():
        rest = row.pop(REST, None)
        record = {name: decoders[name](value) for name, value in row.items() if value is not None}
        if rest is not None:
            for at, value in from_json(rest).items():
                put(record, at, value)
        yield record


def _decoder(field: Any) -> Callable[[Any], Any]:
    types = arrow().types
    kind = field.type
    if is_json(field):
        return from_json
    if is_python(field):
        if types.is_decimal(kind):
            return lambda value: Decimal(number_text(value))
        return lambda value: value
    if types.is_struct(kind):
        children = {child.name: _decoder(child) for child in kind.fields}
        return lambda value: {
            name: children[name](item) for name, item in value.items() if item is not None
        }
    if types.is_list(kind) or types.is_large_list(kind):
        member = _decoder(kind.value_field)
        return lambda value: [None if item is None else member(item) for item in value]
    if types.is_timestamp(kind):
        return iso_text
    if types.is_decimal(kind):
        return number_text
    if types.is_binary(kind):
        return lambda value: value.hex().upper()
    return lambda value: value
