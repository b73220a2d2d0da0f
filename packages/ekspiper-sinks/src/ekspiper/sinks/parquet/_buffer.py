"""Rows of a dataset that are in no file yet: collected, or on their way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Buffer", "Encoded"]


@dataclass(slots=True)
class Encoded:
    """A batch as Arrow has it.

    Args:
        parts: partition and rows, in order.
        failures: why some records are not among them, by their place in the batch.
    """

    parts: list[tuple[str, Any]] = field(default_factory=list)
    failures: dict[int, Exception] = field(default_factory=dict)


class Buffer:
    """Holds batches by partition until they are in a file.

    Rows are first `held`, where more are added, and after `hand_over` they are `leaving`: another thread
    may write those, and report `left`, while more are added.

    Args:
        rows: it is full at so many.
        bytes: it is full at so many.
    """

    def __init__(self, *, rows: int, bytes: int) -> None:
        self._most_rows = rows
        self._most_bytes = bytes
        self._held: dict[str, list[Any]] = {}
        self._held_rows = self._held_bytes = 0
        self._leaving: dict[str, list[Any]] = {}
        self._leaving_rows = 0

    @property
    def rows(self) -> int:
        """All rows, held and leaving."""
        return self._held_rows + self._leaving_rows

    @property
    def leaving(self) -> dict[str, list[Any]]:
        """What was handed over and has not left: batches by partition."""
        return self._leaving

    def is_full(self, more: Encoded) -> bool:
        """Whether it is to be handed over before this is added."""
        rows = self._held_rows + sum(batch.num_rows for _, batch in more.parts)
        return self._held_rows > 0 and (
            rows > self._most_rows or self._held_bytes > self._most_bytes
        )

    def add(self, encoded: Encoded) -> None:
        """Hold a batch."""
        for partition, batch in encoded.parts:
            self._held.setdefault(partition, []).append(batch)
            self._held_rows += batch.num_rows
            self._held_bytes += batch.nbytes

    def hand_over(self) -> None:
        """Let all that is held leave."""
        for partition, batches in self._held.items():
            self._leaving.setdefault(partition, []).extend(batches)
        self._leaving_rows += self._held_rows
        self._held = {}
        self._held_rows = self._held_bytes = 0

    def left(self, partition: str) -> None:
        """What was leaving for a partition is in a file."""
        self._leaving_rows -= sum(batch.num_rows for batch in self._leaving.pop(partition))
