"""Reads what a processor gave for one item, whatever kind of iterable it is."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any

from ..errors import PipelineError

__all__ = ["all_of"]


async def all_of(made: Any, limit: int) -> list[Any]:
    """All outputs in `made`.

    Raises:
        PipelineError: it is no iterable of outputs, or has more than `limit`.
    """
    outputs: list[Any] = []
    if isinstance(made, AsyncIterable):
        try:
            async for output in made:
                outputs.append(output)
                _refuse_too_many(len(outputs), limit)
        finally:
            if hasattr(made, "aclose"):
                await made.aclose()
    elif isinstance(made, list | tuple):
        _refuse_too_many(len(made), limit)
        outputs = list(made)
    elif isinstance(made, Iterable) and not isinstance(made, str | bytes | dict):
        for output in made:
            outputs.append(output)
            _refuse_too_many(len(outputs), limit)
    else:
        raise PipelineError(
            f"the processor returned {made!r:.100}: process returns an iterable of outputs, "
            "for example (output,)"
        )
    return outputs


def _refuse_too_many(count: int, limit: int) -> None:
    if count > limit:
        raise PipelineError(
            f"the processor gave more than {limit} outputs for one item; if that is meant, "
            "raise max_outputs of the step"
        )
