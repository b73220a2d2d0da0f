"""Times of the ledger, whose clock begins at 2000-01-01T00:00:00Z."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ekspiper.xrpl.codec import RIPPLE_EPOCH, ripple_time_iso

__all__ = ["TIME_FIELDS", "UNIX_TIME_FIELDS", "ripple_time", "times", "to_datetime"]

TIME_FIELDS = frozenset(
    {
        "CancelAfter",
        "CloseTime",
        "Expiration",
        "FinishAfter",
        "NextPaymentDueDate",
        "ParentCloseTime",
        "PreviousPaymentDueDate",
        "StartDate",
        "close_time",
        "date",
        "parent_close_time",
    }
)
"""Fields in seconds of the ledger's epoch. `SettleDelay` and the like are durations, not times."""

UNIX_TIME_FIELDS = frozenset({"LastUpdateTime"})
"""Fields in seconds of the Unix epoch: an oracle's alone."""


def to_datetime(seconds: int) -> datetime:
    """A time of the ledger in UTC."""
    return datetime.fromtimestamp(seconds + RIPPLE_EPOCH, UTC)


def ripple_time(iso: str) -> int:
    """Seconds of the ledger's epoch from a time such as `2026-11-22T12:01:40Z`.

    Raises:
        ValueError: it is not a time in ISO 8601.
    """
    moment = datetime.fromisoformat(iso)
    if moment.tzinfo is None:
        # Without it, Python would read the machine's own time zone into the text.
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp()) - RIPPLE_EPOCH


def times(fields: Mapping[str, Any]) -> dict[str, str]:
    """The times among `fields`, as `2026-11-22T12:01:40Z`, by name; nothing below the top."""
    found = {}
    for name, value in fields.items():
        if type(value) is not int:
            continue
        if name in TIME_FIELDS:
            found[name] = ripple_time_iso(value)
        elif name in UNIX_TIME_FIELDS:
            found[name] = ripple_time_iso(value - RIPPLE_EPOCH)
    return found
