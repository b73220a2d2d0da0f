"""The compiled decoder, where it was built, and its tables, made from the one table of fields.

`_compiled.pyx` does what `decoder.py` does, about ten times as fast. It declines whatever is out of the
ordinary, and the decoder in Python takes over: so that one is the reference for errors and drift.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

from ._writers import AccountCache
from .address import AddressCache, encode_address
from .definitions import Definitions
from .field_table import FieldTable, Kind

__all__ = [
    "compiled",
    "field_codes",
    "implementation",
    "line_reader",
    "line_writer",
    "proof",
    "table_reader",
]

# Raised, here and in _compiled.pyx, with every change of what the two call of each other.
_INTERFACE = 5

# The same for _proof.pyx.
_PROOF_INTERFACE = 2

PURE = "EKSPIPER_PURE"
"""The environment variable that leaves the compiled decoder out."""


def _load(name: str, interface: int) -> Any:
    if os.environ.get(PURE, "") not in ("", "0"):
        return None
    try:
        extension = import_module(f".{name}", __package__)
    except ImportError:  # no compiler was there, or it is a checkout that was not built
        return None
    # In a checkout the extension stays behind when the code changes; calling it could crash Python.
    if getattr(extension, "INTERFACE", None) != interface:
        warnings.warn(
            "the compiled codec was built from another version and is not used; in a checkout: "
            "hatch run dev:codec",
            stacklevel=2,
        )
        return None
    return extension


compiled: Any = _load("_compiled", _INTERFACE)
"""The extension module that reads and writes; None where there is none."""

proof: Any = _load("_proof", _PROOF_INTERFACE)
"""The one that proves; None where there is none."""


def implementation() -> str:
    """Which codec runs: `compiled` or `pure Python`."""
    return "pure Python" if compiled is None or proof is None else "compiled"


@lru_cache(maxsize=8)
def field_codes(definitions: Definitions) -> Any:
    """The compiled table of fields, made once; only where there is a compiled decoder."""
    return compiled.FieldCodes(_field_rows(_field_table(definitions)))


# The kinds that are a reader in the decoder in Python. The numbers are those of _compiled.pyx.
_NAME8, _NAME32, _UINT64_BASE10 = 20, 21, 22
_BY_TYPE: Mapping[str, int] = {
    "Int32": 23,
    "Int64": 24,
    "Number": 25,
    "Currency": 26,
    "Vector256": 27,
    "PathSet": 28,
    "Issue": 29,
    "XChainBridge": 30,
}
_AS_THEY_ARE = frozenset(
    {
        Kind.UINT32,
        Kind.HEX,
        Kind.AMOUNT,
        Kind.OBJECT,
        Kind.NAME16,
        Kind.ACCOUNT,
        Kind.BLOB,
        Kind.UINT64,
        Kind.ARRAY,
        Kind.UINT8,
        Kind.UINT16,
    }
)
_PLAIN_NAME = re.compile(r"\w+", re.ASCII)

Row = tuple[int, int, str, int, dict[int, str | int] | None]


def line_writer(
    definitions: Definitions, tables: Callable[[Iterable[str]], Mapping[str, Any]]
) -> Any:
    """Writes records as lines, see `LineWriter` in _line_writer.pxi; None where it cannot.

    Args:
        definitions: what the fields are.
        tables: called with the names of the fields that are compiled, gives what of them may stand
            where: the other arguments of `LineWriter`.
    """
    success = definitions.transaction_results.get("tesSUCCESS")
    if compiled is None or success is None:
        return None
    codes = field_codes(definitions)
    return compiled.LineWriter(
        codes,
        address=encode_address,
        success=success,
        issuance=definitions.ledger_entry_types.get("MPTokenIssuance", -1),
        **tables(codes.id_by_name),
    )


def line_reader(definitions: Definitions, derived: Iterable[str]) -> Any:
    """Encodes lines of records, see `LineReader` in _line_reader.pxi; None where the codec is pure Python.

    Args:
        definitions: what the fields are.
        derived: the members of a record that are not in its bytes.
    """
    if compiled is None:
        return None
    codes = field_codes(definitions)
    return compiled.LineReader(codes, AccountCache(), derived=derived)


_TABLE_ENTRIES = ("AccountRoot", "RippleState", "MPToken", "MPTokenIssuance", "Offer")


def table_reader(
    definitions: Definitions,
    *,
    delivering: Iterable[str],
    liquidity: Iterable[str],
    currency: Callable[[str], str],
    flags: Callable[[str, int], str],
    line_flag: int,
    token_flag: int,
) -> Any:
    """Makes rows of tables, see `TableReader` in _table_rows.pxi; None where it cannot.

    Args:
        definitions: what the fields are.
        delivering: the transaction types that deliver an amount.
        liquidity: those that put assets into pools or take them out, without trading.
        currency: the name to show for a currency's code.
        flags: the names of a transaction's flags, by its type and them.
        line_flag, token_flag: the bits of `Flags` by which a line or a token is that of a pool.
    """
    success = definitions.transaction_results.get("tesSUCCESS")
    if compiled is None or success is None:
        return None
    types = definitions.transaction_types
    table = _field_table(definitions)
    try:
        return compiled.TableReader(
            field_codes(definitions),
            AddressCache(),
            types=dict(table.names["TransactionType"]),
            results=dict(table.names["TransactionResult"]),
            entries=tuple(definitions.ledger_entry_types.get(each, -1) for each in _TABLE_ENTRIES),
            delivering={types[name] for name in delivering if name in types},
            liquidity={types[name] for name in liquidity if name in types},
            success=success,
            currency=currency,
            flags=flags,
            line_flag=line_flag,
            token_flag=token_flag,
        )
    except ValueError:  # a network whose fields are of other types
        return None


def _field_table(definitions: Definitions) -> FieldTable:
    return FieldTable(definitions, addresses=AddressCache(), wrap_paths=True, drift=Counter())


def _field_rows(table: FieldTable) -> list[Row]:
    """Code, kind, name, size in bytes and names of codes, of each field that is compiled.

    A field that is not among them makes the compiled decoder decline.
    """
    rows = []
    for field in table.definitions.fields_by_code.values():
        kind, name, extra = table.entry(field.type_code, field.nth)
        compiled = _compiled_kind(Kind(kind), field.name, field.type, table.names)
        codes = table.names.get(field.name)
        # The codes of `hash`, `index` and the like lie outside: they never stand in bytes.
        fits = 0 < field.type_code < 256 and 0 < field.nth < 256
        # Names are printed as they are: one with a quote in it would break the line.
        if (
            compiled is None
            or not fits
            or not all(map(_PLAIN_NAME.fullmatch, (name, *_texts(codes))))
        ):
            continue
        size = extra // 2 if kind == Kind.HEX else 0
        rows.append((field.code, compiled, name, size, None if codes is None else dict(codes)))
    return rows


def _compiled_kind(kind: Kind, name: str, type_: str, names: Mapping[str, Any]) -> int | None:
    if kind in _AS_THEY_ARE:
        return int(kind)
    if kind is not Kind.READER:
        return None
    if name in names:
        return {"UInt8": _NAME8, "UInt32": _NAME32}.get(type_)
    if type_ == "UInt64":
        return _UINT64_BASE10
    return _BY_TYPE.get(type_)


def _texts(codes: Mapping[int, str | int] | None) -> list[str]:
    return [] if codes is None else [str(name) for name in codes.values()]
