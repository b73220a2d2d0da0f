"""Flags by name, from the tables of the definitions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from ekspiper.xrpl.codec import Definitions

__all__ = ["account_set_flag", "ledger_entry_flags", "transaction_flags"]

_UNIVERSAL = "universal"
_RENAMED = {"DirectoryNode": "DirNode"}  # the definitions' table has the older name


def transaction_flags(
    type_: str, flags: int, *, definitions: Definitions | None = None
) -> list[str]:
    """The names of a transaction's flags, lowest bit first: `["tfPartialPayment"]`.

    A bit without a name is given as hex (`"0x00000004"`), so that nothing is lost.
    """
    return _names(_of_transaction(type_, definitions or Definitions.bundled()), flags)


def ledger_entry_flags(
    type_: str, flags: int, *, definitions: Definitions | None = None
) -> list[str]:
    """The names of a ledger entry's flags, lowest bit first: `["lsfSell"]`."""
    return _names(_of_ledger_entry(type_, definitions or Definitions.bundled()), flags)


def account_set_flag(flag: int, *, definitions: Definitions | None = None) -> str:
    """The name of an AccountSet's `SetFlag` or `ClearFlag`; its number where it has none."""
    for name, number in (definitions or Definitions.bundled()).account_set_flags.items():
        if number == flag:
            return name
    return str(flag)


@lru_cache(maxsize=512)
def _of_transaction(type_: str, definitions: Definitions) -> Mapping[int, str]:
    tables = definitions.transaction_flags
    return _by_bit({**tables.get(_UNIVERSAL, {}), **tables.get(type_, {})})


@lru_cache(maxsize=512)
def _of_ledger_entry(type_: str, definitions: Definitions) -> Mapping[int, str]:
    tables = definitions.ledger_entry_flags
    return _by_bit(tables.get(type_) or tables.get(_RENAMED.get(type_, ""), {}))


def _by_bit(table: Mapping[str, int]) -> Mapping[int, str]:
    return {bit: name for name, bit in table.items()}


def _names(by_bit: Mapping[int, str], flags: int) -> list[str]:
    names = []
    while flags:
        bit = flags & -flags
        flags ^= bit
        names.append(by_bit.get(bit) or f"0x{bit:08X}")
    return names
