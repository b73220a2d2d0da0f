"""Goes on from a checkpoint that was taken when the pipeline had other flows, steps or collectors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from .checkpoint import FlowState, Progress
from .errors import CheckpointError

__all__ = ["Adoption"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What becomes of a checkpoint when another pipeline takes it over. Changes nothing itself.

    Args:
        old: the progress that is taken over.
        new: the progress to go on with.
        flows: those of the new pipeline that read a source.
    """

    old: Progress
    new: Progress
    flows: tuple[str, ...]

    @classmethod
    def of(cls, old: Progress, shape: tuple[str, ...], flows: Collection[str]) -> Adoption:
        """What becomes of `old` in a pipeline of `shape`, of which `flows` read a source.

        Positions stay, and so do the states of the collectors that stay in their places.

        Raises:
            CheckpointError: no flow of the checkpoint reads a source in the new pipeline.
        """
        kept = {name: _keep(state, shape) for name, state in old.flows.items() if name in flows}
        if not kept:
            raise CheckpointError(
                f"there is nothing to adopt: the checkpoint is of {_named(old.flows)}, and the "
                f"pipeline reads its sources in {_named(flows)}"
            )
        return cls(old, Progress(shape, kept), tuple(flows))

    @property
    def added(self) -> list[str]:
        """The places that the checkpoint does not know."""
        return sorted(set(self.new.shape) - set(self.old.shape))

    @property
    def removed(self) -> list[str]:
        """The places that the pipeline does not have any more."""
        return sorted(set(self.old.shape) - set(self.new.shape))

    def lines(self) -> Iterator[str]:
        """What will happen, in words."""
        fresh = [name for name in self.flows if name not in self.old.flows]
        yield f"it goes on where the checkpoint stands: {', '.join(_stands(self.new.flows))}"
        for place in self.added:
            if place.partition("/")[0] not in fresh:
                yield f"{place} is new: it begins there, and gets nothing of what was before"
        for place in self.removed:
            yield f"{place} is gone: what the checkpoint knows of it is dropped"
        for name in fresh:
            yield f"the flow {name} is new: it begins at the start of its source"
        for name, state in self.old.flows.items():
            if name not in self.flows:
                yield f"the flow {name} is gone: its position, {state.position!r}, is dropped"


def _keep(state: FlowState, shape: Collection[str]) -> FlowState:
    states: Mapping[str, object] = state.collectors
    stay = {place: each for place, each in states.items() if place in shape}
    return FlowState(state.source, state.position, stay)


def _stands(flows: Mapping[str, FlowState]) -> Iterator[str]:
    for name, state in flows.items():
        yield f"{name} at {'the start' if state.position is None else repr(state.position)}"


def _named(flows: Collection[str]) -> str:
    return ", ".join(map(repr, flows)) or "no flow"
