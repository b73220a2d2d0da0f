"""How work is shown: a bar that counts it, and a place that is kept up to date."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self

from ekspiper.core import MissingExtra

__all__ = ["Bar", "Live"]

# Seconds before a bar appears, so that quick work shows none.
_DELAY = 0.7


class Bar:
    """A bar that counts what is done, and disappears at the end.

    Args:
        what: what is counted, in the plural.
        total: how many there are; None if that is not known.
        shown: False draws nothing.
    """

    def __init__(self, what: str, *, total: int | None, shown: bool) -> None:
        self._what = what
        self._total = total
        self._shown = shown
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._shown:
            try:
                # It knows by itself whether it is in a notebook or at a terminal.
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
        """Count some more as done."""
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


class Live:
    """In a notebook, an output that is replaced in place; elsewhere, lines of text.

    Args:
        shown: False shows nothing.
    """

    def __init__(self, *, shown: bool = True) -> None:
        self._shown = shown
        self._handle: Any = None

    def update(self, value: object, *, line: str = "") -> None:
        """Show `value` instead of what was shown before.

        Args:
            value: an object with a rich display.
            line: printed outside of a notebook, unless it is empty.
        """
        if not self._shown:
            return
        # A script that is piped into a file gets lines, not a picture for each update.
        if not _in_notebook():
            if line:
                print(line, flush=True)
            return
        if self._handle is None:
            from IPython.display import display

            # By its id it can be replaced later, also after the cell that began it has ended.
            self._handle = display(value, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(value)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this: IPython is only looked for, never loaded."""
    # A kernel has loaded it long before us; elsewhere loading it would take its time.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
