"""Brings collectors and sources to where a checkpoint stands, or to where a run begins."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..checkpoint import Adoption, Checkpoint, FlowState, Progress
from ..source import IterableSource
from .committer import Committer
from .graph import Graph

__all__ = ["Recovery"]

log = logging.getLogger("ekspiper")


class Recovery:
    """What a run does between opening its components and reading the first item.

    Args:
        graph: the parts of the run.
        checkpoint: where progress is kept; None if it is not.
        shape: the pipeline's flows, steps and collectors.
        adopt: take over the checkpoint if the pipeline has changed since.
    """

    def __init__(
        self, graph: Graph, checkpoint: Checkpoint | None, shape: tuple[str, ...], *, adopt: bool
    ) -> None:
        self.graph = graph
        self.checkpoint = checkpoint
        self.shape = shape
        self._adopt = adopt

    def check_sources(self) -> None:
        """Refuse, before anything is opened, a list that can never have a checkpoint."""
        if self.checkpoint is not None:
            for reader in self.graph.readers.values():
                # Other sources may know what they read only once they are open.
                if isinstance(reader.source, IterableSource):
                    reader.refuse_no_identity()

    async def load(self) -> Progress | None:
        """The progress to continue from; None at the very beginning.

        Raises:
            CheckpointError: it is damaged, or belongs to another pipeline or source.
        """
        if self.checkpoint is None:
            return None
        readers = self.graph.readers
        for reader in readers.values():
            reader.refuse_no_identity()
        progress = await self.checkpoint.load()
        if progress is not None:
            sources = {name: reader.source_name for name, reader in readers.items()}
            if self._adopt:
                progress = await self._adopted(self.checkpoint, progress, sources)
            progress.refuse_other(self.shape, sources, str(self.checkpoint))
        elif self._adopt:
            log.warning("%s is not there yet: there is nothing to adopt", self.checkpoint)
        return progress

    async def restore_collectors(self, loaded: Progress | None) -> None:
        """Bring every collector back to its state in the checkpoint.

        Raises:
            CheckpointError: one of them cannot go there.
        """
        nothing = FlowState("")
        for deliverer in self.graph.deliverers:
            flows: Mapping[str, FlowState] = loaded.flows if loaded else {}
            state = flows.get(deliverer.reader.flow, nothing)
            await deliverer.restore(state.collectors.get(deliverer.place), state.position)

    async def resume_sources(self, committer: Committer, loaded: Progress | None) -> None:
        """Bring every source to its position in the checkpoint, or to its beginning.

        Raises:
            CheckpointError: one of them cannot go there.
        """
        # Collectors first, sources second: nothing may be read before all sinks are back.
        for name, reader in self.graph.readers.items():
            position = committer.position_of(name)
            if position is not None:
                await reader.resume(position)
        if self.checkpoint is not None:
            await self._write_beginning(committer, loaded)

    async def _write_beginning(self, committer: Committer, loaded: Progress | None) -> None:
        """Write a first checkpoint, so that a crash before the second loses and doubles nothing.

        It is needed if a source starts somewhere else each time, and if a collector must be able
        to undo its first records.
        """
        for name, reader in self.graph.readers.items():
            known = loaded.flows.get(name) if loaded else None
            position, states = (known.position, known.collectors) if known else (None, {})
            deliverers = [each for each in self.graph.deliverers if each.reader is reader]
            # A sink that holds its own position is ahead of any beginning.
            if position is None and not any(each.holds_more for each in deliverers):
                position = await reader.begin()
            begun = {
                each.place: state
                for each in deliverers
                if each.place not in states and (state := await each.begin(position)) is not None
            }
            is_new = position is not None and (known is None or known.position is None)
            if begun or is_new or (known and self._adopt):
                committer.note(reader, position, {**states, **begun})
        await committer.write()

    async def _adopted(
        self, checkpoint: Checkpoint, old: Progress, sources: Mapping[str, str]
    ) -> Progress:
        """The progress of a changed pipeline, after a copy of the old one was made.

        What is stored stays as it is: the next `save` replaces it as a whole.
        """
        adoption = Adoption.of(old, self.shape, tuple(sources))
        adoption.new.refuse_other_source(sources, str(checkpoint))
        if not adoption.added and not adoption.removed:
            log.warning("%s is of this pipeline already: there is nothing to adopt", checkpoint)
            return old
        # A copy before anything else: adopting cannot be undone, and may be a mistake.
        backup = await checkpoint.back_up()
        log.warning("adopting %s; the old one is kept as %s", checkpoint, backup)
        for line in adoption.lines():
            log.warning("adopted: %s", line)
        return adoption.new
