"""When a batch is full: by count, by bytes, or by age, whichever comes first."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigError

__all__ = ["BatchPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """The bounds of one batch.

    Args:
        count: at most this many items.
        bytes: at most this many bytes, as the queue measures items; a larger item goes alone.
        period: the oldest item waits at most this many seconds.
    """

    count: int = 500
    bytes: int = 4 * 1024 * 1024
    period: float = 0.2

    def __post_init__(self) -> None:
        for name in ("count", "bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"batch {name} must be at least 1, not {getattr(self, name)}")
        if self.period < 0:
            raise ConfigError(f"batch period must not be negative, not {self.period} s")
