"""A run that feeds dead letters back instead of reading the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..checkpoint import Progress
from ..dead_letters import DeadLetter
from ..iterable_source import IterableSource
from ..pipeline import Pipeline
from ..retry import RetryPolicy
from ..source import Source
from .barrier import Barrier
from .committing import Committer
from .components import Part, parts_of
from .graph import Graph
from .letters import LetterReader
from .reading import SourceReader
from .run import Run

__all__ = ["Redelivery"]


class Redelivery(Run):
    """Made by `Pipeline.redeliver`, which describes the arguments.

    It differs from any other run in that its items enter where they failed, that the positions in
    the checkpoint stay, and that there is one barrier, at the end.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        letters: Iterable[DeadLetter] | Source[DeadLetter],
        *,
        decode: Callable[[DeadLetter], Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(pipeline, **options)
        self._letters: Any = letters if hasattr(letters, "resume") else IterableSource(letters)
        self._decode = decode or _item_of
        self._reader: LetterReader | None = None

    @property
    def _readers(self) -> Sequence[Any]:
        return () if self._reader is None else (self._reader,)

    def _check_sources(self, graph: Graph) -> None:
        """Nothing: the sources are not read."""

    def _parts(self) -> Sequence[Part]:
        letters = Part(self._letters, "the source of dead letters", RetryPolicy())
        flows = parts_of(self.pipeline.flows, with_sources=False)
        return [*self._dead_letter_parts(), *flows, letters]

    async def _load(self, graph: Graph) -> Progress | None:
        if self._checkpoint is None:
            return None
        progress = await self._checkpoint.load()
        if progress is not None:
            kept = {name: state.source for name, state in progress.flows.items()}
            progress.refuse_other(self.pipeline.shape, kept, str(self._checkpoint))
            for name, source in kept.items():
                graph.readers[name].receipts.source = source
        return progress

    async def _restore(self, graph: Graph) -> Committer:
        committer = await super()._restore(graph)
        for deliverer in graph.deliverers:
            deliverer.stay_at(committer.position_of(deliverer.reader.flow))
        self._reader = LetterReader(
            self._letters,
            graph,
            self._decode,
            done=lambda reader, barrier: self._on_end(committer, reader, barrier),
        )
        return committer

    async def _resume(self, graph: Graph, committer: Committer, loaded: Progress | None) -> None:
        """Nothing: the sources are not read, and the checkpoint stays until all is done."""

    def _on_end(self, committer: Committer, reader: SourceReader, barrier: Barrier) -> None:
        if reader.receipts.source:  # which is known from the checkpoint, where there is one
            committer.note(reader, committer.position_of(reader.flow), barrier.states)


def _item_of(letter: DeadLetter) -> Any:
    return letter.item
