"""What a node has of its recording at a moment: the ledgers that it has released."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from .._recording import LedgerRecord
from ..errors import RpcError
from ..recording import Recording

__all__ = ["View", "runs"]


class View:
    """A recording as far as it has been released. All answers are functions of this and a request.

    Args:
        recording: what to serve.
        released: the last ledger that counts as closed; the last of the recording if None.
        missing: ledgers that this node does not hold although they were recorded.
        network_id: what `server_info` says; None: what was recorded, if anything.
        clio: whether to answer as Clio, which has no open ledger.
        forwards: whether the rippled behind Clio answers.
        holds_back_manifests: whether manifests that came in the stream are never given.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        released: int | None = None,
        missing: Collection[int] = (),
        network_id: int | None = None,
        clio: bool = False,
        forwards: bool = True,
        holds_back_manifests: bool = False,
    ) -> None:
        self.recording = recording
        self.clio = clio
        self.forwards = forwards
        self.holds_back_manifests = holds_back_manifests
        self.network_id = network_id
        self.missing = frozenset(missing)
        self.held = tuple(i for i in recording.indexes if i not in self.missing)
        self.released = recording.last if released is None else released
        self._runs = runs(self.held)
        self._complete: tuple[int, str] = (-1, "")

    @property
    def last(self) -> LedgerRecord | None:
        """The last ledger released, if there is one yet."""
        place = bisect_right(self.held, self.released)
        return self.recording.ledgers[self.held[place - 1]] if place else None

    @property
    def validated(self) -> LedgerRecord:
        """The last ledger released. Raises RpcError (lgrNotFound) before the first."""
        last = self.last
        if last is None:
            raise RpcError("lgrNotFound")
        return last

    @property
    def complete_ledgers(self) -> str:
        """The ledgers held and released, such as `3-17,20-122`; `empty` for none."""
        # Asked for with every ledger and every greeting, and the same until the next ledger.
        if self._complete[0] != self.released:
            shown = [(a, min(b, self.released)) for a, b in self._runs if a <= self.released]
            self._complete = (self.released, _written(shown))
        return self._complete[1]

    def record(self, ledger_index: int) -> LedgerRecord:
        """A ledger that is held. Raises RpcError (lgrNotFound)."""
        record = self.recording.ledgers.get(ledger_index)
        if record is None or ledger_index > self.released or ledger_index in self.missing:
            raise RpcError("lgrNotFound")
        return record

    def chosen(
        self, request: Mapping[str, Any], *, default: str = "current"
    ) -> LedgerRecord | None:
        """The ledger that a request names, by `ledger_hash` or `ledger_index`.

        None stands for the open ledger, which no recording holds. Raises RpcError.
        """
        if "ledger_hash" in request:
            return self._by_hash(request["ledger_hash"])
        # Clio has no open ledger, so a request without one means the validated.
        default = "validated" if self.clio else "current"
        asked = request.get("ledger_index", request.get("ledger", default))
        # rippled takes a hash or an index in `ledger`, the older name of both.
        if isinstance(asked, str) and len(asked) == 64:
            return self._by_hash(asked)
        return self._by_index(asked)

    def _by_hash(self, asked: object) -> LedgerRecord:
        if not isinstance(asked, str):
            raise RpcError("invalidParams", "ledgerHashNotString")
        if len(asked) != 64 or any(c not in "0123456789abcdefABCDEF" for c in asked):
            raise RpcError("invalidParams", "ledgerHashMalformed")
        index = self.recording.by_hash.get(asked.upper())
        if index is None:
            raise RpcError("lgrNotFound")
        return self.record(index)

    def _by_index(self, asked: object) -> LedgerRecord | None:
        if asked == "current":
            return None
        if asked in ("validated", "closed"):
            return self.validated
        if isinstance(asked, str) and asked.isascii() and asked.isdigit():
            asked = int(asked)
        # In Python true is 1, and rippled refuses it.
        if not isinstance(asked, int) or isinstance(asked, bool) or not 0 <= asked < 2**32:
            raise RpcError("invalidParams", "ledgerIndexMalformed")
        return self.record(asked)


def runs(indexes: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each unbroken run in sorted ledger indexes."""
    found: list[tuple[int, int]] = []
    for index in indexes:
        if found and found[-1][1] == index - 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def _written(found: Sequence[tuple[int, int]]) -> str:
    return ",".join(f"{a}-{b}" if a != b else str(a) for a, b in found) or "empty"
