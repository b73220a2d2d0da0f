"""A bounded link between two flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import PipelineError

__all__ = ["Queue"]


@dataclass(frozen=True, slots=True, eq=False)
class Queue:
    """One of the collectors of one flow, and the source of another.

    A full queue stops the flow that writes to it. It is full when it has `max_items` or
    `max_bytes`. A single item larger than `max_bytes` still passes, alone.

    Args:
        name: unique in the pipeline; used in metrics, logs and diagrams.
        max_items: at most this many items wait in it.
        max_bytes: at most this many bytes wait in it.
        measure: gives the size of an item in bytes. By default bytes and text count their length,
            and containers everything in them. An object of your own counts without what it refers
            to, unless it has `nbytes`.
    """

    name: str
    max_items: int = 1000
    max_bytes: int = 64 * 1024 * 1024
    measure: Callable[[Any], int] | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise PipelineError("a queue needs a name")
        if "/" in self.name:
            raise PipelineError(f"a queue cannot be called {self.name!r}: names have no slash")
        for bound in ("max_items", "max_bytes"):
            if getattr(self, bound) < 1:
                raise PipelineError(
                    f"queue {self.name!r}: {bound} must be at least 1, not {getattr(self, bound)}"
                )
