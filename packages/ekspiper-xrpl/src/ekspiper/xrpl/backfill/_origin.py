"""Where the ledgers of a folder come from: the same for all of one folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ekspiper.core import ConfigError
from ekspiper.xrpl.sources import LedgerRange

from ..output_folder import OutputFolder

__all__ = ["LedgersOf", "Origin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """A network, and what was done with its ledgers.

    A ledger that is in the folder counts as done, so the others must be made the same way.
    """

    network_id: int | None
    verified: bool
    books: bool

    def __str__(self) -> str:
        verified = "verified" if self.verified else "not verified"
        books = "with" if self.books else "without"
        return f"network {self.network_id}, {verified}, {books} order books"

    def refuse_other(self, source: str, folder: OutputFolder) -> None:
        """Raise ConfigError unless `source`, an identity of `LedgersOf`, is of this origin."""
        # The rest are the ranges, which may be others this time.
        had = source.partition(": ")[0]
        if had != str(self):
            raise ConfigError(
                f"{folder.path} holds ledgers of {had}, not of {self}; give the same options as "
                f"before, or {folder.instead}"
            )


class LedgersOf(LedgerRange):
    """Ledgers of given ranges, of one origin. Arguments as in `LedgerRange`."""

    def __init__(self, origin: Origin, pool: Any, ranges: Iterable[Any], **options: Any) -> None:
        super().__init__(pool, [*ranges], **options)
        self._origin = origin

    @property
    def identity(self) -> str:
        """The origin, then what `LedgerRange` says."""
        return f"{self._origin}: {super().identity}"
