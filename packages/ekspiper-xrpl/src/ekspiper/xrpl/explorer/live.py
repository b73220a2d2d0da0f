"""Shows something in one place and keeps it up to date."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["Live"]


class Live:
    """In a notebook, an output that is replaced in place; elsewhere, lines of text.

    Args:
        shown: without it nothing is shown.
    """

    def __init__(self, *, shown: bool = True) -> None:
        self._shown = shown
        self._handle: Any = None

    def update(self, value: object, *, line: str = "") -> None:
        """Show `value` instead of what was shown before.

        Args:
            value: an object with a rich display.
            line: what is printed outside of a notebook; nothing if it is empty.
        """
        if not self._shown:
            return
        if not _in_notebook():
            if line:
                print(line, flush=True)
            return
        if self._handle is None:
            from IPython.display import display

            self._handle = display(value, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(value)


def _in_notebook() -> bool:
    """Whether a Jupyter kernel runs this: IPython is only looked for, never loaded."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
