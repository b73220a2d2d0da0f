"""Whether nodes may come to hold a ledger that is missing from the history of them all."""

from __future__ import annotations

from .ledger_set import LedgerSet

__all__ = ["Gaps"]

# What a server fetches from its peers by default (`ledger_history`), and the least that it keeps
# (`online_delete`): https://xrpl.org/docs/infrastructure/configuration/data-retention
_FETCHED = 256

Gap = tuple[int, int]


class Gaps:
    """The gaps in what all nodes together hold. Knows no clock.

    An outage leaves a gap that nodes fill from their peers. What is older than all that they hold
    has been deleted. And of a gap that has been waited for in vain nothing is waited for again,
    unless some of it was filled: then they are at it.
    """

    def __init__(self) -> None:
        self._in_vain: set[Gap] = set()

    def may_be_filled(self, index: int, held: LedgerSet, *, newest: int) -> bool:
        """Whether it is worth while to wait for a ledger that no node holds.

        Args:
            held: what all nodes together hold.
            newest: the newest ledger of the network.
        """
        first, last = _gap_at(index, held)
        if first == 1 and index <= newest - _FETCHED:
            return False
        return not any(first <= since and until <= last for since, until in self._in_vain)

    def waited_in_vain(self, index: int, held: LedgerSet) -> None:
        """The ledger did not come in good time."""
        first, last = _gap_at(index, held)
        outside = {gap for gap in self._in_vain if gap[1] < first or last < gap[0]}
        self._in_vain = outside | {(first, last)}


def _gap_at(index: int, held: LedgerSet) -> Gap:
    """The first and the last ledger of the gap that `index` is in; one before all begins at 1."""
    before = max((last for _, last in held.ranges if last < index), default=0)
    after = min((first for first, _ in held.ranges if first > index), default=1 << 32)
    return before + 1, after - 1
