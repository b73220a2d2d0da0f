"""What a snapshot reports when it is done, for people or as JSON."""

from __future__ import annotations

from dataclasses import asdict

from ekspiper.xrpl.snapshot import SnapshotReport

from .._logs import tell
from .._streams import say_json

__all__ = ["say_snapshot", "tell_snapshot"]


def say_snapshot(report: SnapshotReport, folder: str, *, seconds: float) -> None:
    """Print the report as JSON."""
    shown = {**asdict(report), "drift": str(report.drift)}
    say_json({**shown, "folder": folder, "seconds": round(seconds, 3)})


def tell_snapshot(report: SnapshotReport, recorded: str, place: str) -> None:
    """Say how many objects there are, and that they are proven.

    Args:
        recorded: how many of them were recorded, and in which time.
        place: the file or folder that they are in.
    """
    tell(
        f"{report.objects:,} objects at ledger {report.ledger_index}, {recorded}, in {place}.\n"
        f"Verified: they hash to the ledger's account_hash {report.account_hash}."
    )
    if report.drift:
        tell(f"Schema drift: {report.drift}")
