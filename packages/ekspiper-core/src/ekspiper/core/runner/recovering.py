"""Brings sources and collectors to where a checkpoint stands, or to where a run begins."""

from __future__ import annotations

from collections.abc import Mapping

from .._wording import describe
from ..checkpoint import FlowState
from ..errors import CheckpointError, EkspiperError
from ..source import Position
from .graph import Graph
from .reading import SourceReader

__all__ = ["begin_source", "restore_collectors", "resume_source"]


async def resume_source(reader: SourceReader, position: Position) -> None:
    """Have a source go on after `position`.

    Raises:
        CheckpointError: it cannot.
    """
    try:
        await reader.source.resume(position)
    except EkspiperError:
        raise
    except Exception as error:
        raise CheckpointError(
            f"flow {reader.flow!r} cannot go on from {position!r}: {describe(error)}"
        ) from error


async def begin_source(reader: SourceReader) -> Position:
    """Where a source begins whose start moves; None for any other.

    Raises:
        EkspiperError: it cannot say.
    """
    begin = getattr(reader.source, "begin", None)  # a source need not be a subclass of Source
    if begin is None:
        return None
    try:
        return await begin()
    except EkspiperError:
        raise
    except Exception as error:
        raise EkspiperError(
            f"flow {reader.flow!r}: the source cannot say where it begins: {describe(error)}"
        ) from error


async def restore_collectors(graph: Graph, flows: Mapping[str, FlowState]) -> None:
    """Bring every collector back to what the checkpoint says of it.

    Raises:
        CheckpointError: one cannot go on from there.
    """
    nothing = FlowState("")
    for deliverer in graph.deliverers:
        state = flows.get(deliverer.reader.flow, nothing)
        try:
            await deliverer.restore(state.collectors.get(deliverer.place), state.position)
        except EkspiperError:
            raise
        except Exception as error:
            raise CheckpointError(
                f"the collector {deliverer.place} cannot go on from its checkpoint: "
                f"{describe(error)}"
            ) from error
