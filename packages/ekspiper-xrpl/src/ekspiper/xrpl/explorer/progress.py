"""A bar for work that takes a while, in a notebook and on a terminal alike."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from ekspiper.core import MissingExtra

__all__ = ["Bar"]

_DELAY = 0.7
"""Seconds before a bar appears: what is done by then needs none."""


class Bar:
    """Counts what is done; gone when it ends.

    Args:
        what: what is counted, in the plural.
        total: how many there are; None where nobody knows.
        shown: without it nothing is drawn.
    """

    def __init__(self, what: str, *, total: int | None, shown: bool) -> None:
        self._what = what
        self._total = total
        self._shown = shown
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._shown:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                raise MissingExtra(
                    "progress bars need tqdm: pip install 'ekspiper-xrpl[notebook]', "
                    "or make the explorer with progress=False"
                ) from None
            self._bar = tqdm(
                total=self._total, unit=f" {self._what}", desc=self._what, leave=False, delay=_DELAY
            )
        return self

    def add(self, count: int = 1) -> None:
        """So many more are done."""
        if self._bar is not None:
            self._bar.update(count)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
