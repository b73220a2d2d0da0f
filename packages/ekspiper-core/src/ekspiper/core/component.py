"""What sources, processors and collectors have in common: they open and they close."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

__all__ = ["Component"]


class Component(Protocol):
    """Opened once before its first use, closed once after its last; closing twice is fine.

    Inherit from it to get these defaults, or write methods of the same shape. The runner does not
    need them; the contracts of the testing kit do.
    """

    async def open(self) -> None:
        """Acquire connections and files. Raises what `collect` may raise."""
        return

    async def close(self) -> None:
        """Release everything. Also called after a failed `open`, and possibly twice."""
        return

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
