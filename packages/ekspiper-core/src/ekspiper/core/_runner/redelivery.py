"""A run that feeds dead letters back instead of reading the sources."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Unpack

from .._wording import describe
from ..checkpoint import Progress
from ..dead_letter import DeadLetter
from ..errors import FlowFailed
from ..flow import Flow
from ..retry import RetryPolicy
from ..source import IterableSource, Source
from .barrier import Barrier
from .channel import END
from .committer import Committer
from .graph import Graph
from .parts import Part, parts_of
from .receipt import Receipt, Receipts
from .recovery import Recovery
from .report import SourceReport
from .run import Run, RunOptions
from .source_reader import SourceReader

__all__ = ["LetterReader", "LetterReceipt", "LetterReceipts", "Redelivery"]

# Letters after which other tasks get their turn.
_AT_ONCE = 64


class LetterReceipt(Receipt):
    """The receipt of a letter: its position and source are those of the item in it."""

    __slots__ = ("_source",)

    def __init__(self, ledger: Receipts, sequence: int, letter: DeadLetter) -> None:
        super().__init__(ledger, sequence, letter.position)
        self._source = letter.source

    @property
    def source(self) -> str:
        """The source that the item came from."""
        return self._source


class LetterReceipts(Receipts):
    """The receipts of the letters of one redelivery."""

    def issue_for(self, letter: DeadLetter) -> LetterReceipt:
        """A receipt for the item of `letter`."""
        receipt = LetterReceipt(self, self.issued, letter)
        self.issued += 1
        return receipt

    @property
    def safe_position(self) -> int | None:
        """How many letters are settled, from the first one without a gap; None for none."""
        return self.watermark.mark + 1 if any(self.counts) else None


class LetterReader:
    """Takes the place of the readers of all sources, and puts items in where they failed.

    Args:
        letters: where they come from.
        done: called for the reader of each source when the end has reached all its collectors.
    """

    flow = "dead letters"

    def __init__(
        self,
        letters: Source[DeadLetter],
        graph: Graph,
        decode: Callable[[DeadLetter], Any],
        *,
        done: Callable[[SourceReader, Barrier], Any],
    ) -> None:
        self.receipts = LetterReceipts()
        self._letters = letters
        self._places = graph.places
        self._roots = tuple(graph.readers.values())
        self._decode = decode
        self._done = done
        self._draining = False

    def drain(self) -> None:
        """Read no more letters."""
        self._draining = True

    async def run(self) -> None:
        """Bring all letters, then send the last barrier and the end down from every source.

        Raises:
            FlowFailed: a letter names a place that the pipeline does not have.
        """
        async for letter in self._letters:
            await self._bring(letter)
            if self._draining:
                break
            if self.receipts.issued % _AT_ONCE == 0:
                await asyncio.sleep(0)
        # Through the whole tree, from each source: every collector takes a snapshot, and ends.
        for root in self._roots:
            root.outlet.put_control(self._last_barrier(root))
            root.outlet.put_control(END)

    def report(self) -> SourceReport:
        """What has become of the letters so far."""
        return self.receipts.report(lag=None)

    async def _bring(self, letter: DeadLetter) -> None:
        step = f"{letter.flow}/{letter.step}"
        place = f"{step}/{letter.collector}" if letter.collector else step
        if place not in self._places:
            raise FlowFailed(
                f"the dead letter at {letter.position!r} is for {place}, which this pipeline does "
                f"not have; it has {', '.join(self._places)}",
                flow=letter.flow,
                step=letter.step,
                position=letter.position,
            )
        inlet, refuse = self._places[place]
        receipt = self.receipts.issue_for(letter)
        try:
            item = self._decode(letter)
        except Exception as error:
            undecoded = ValueError(f"the letter cannot be decoded: {describe(error)}")
            await refuse(letter.item, receipt, undecoded)
            return
        await inlet.put(item, receipt)

    def _last_barrier(self, root: SourceReader) -> Barrier:
        return Barrier(
            self.receipts.issued - 1,
            root.receipts.safe_position,
            receipts=root.receipts,
            ends=root.ends,
            done=lambda barrier: self._done(root, barrier),
            last=True,
        )


class _RecoveryOfSinks(Recovery):
    """Brings the collectors back to the checkpoint, and leaves the sources alone."""

    def check_sources(self) -> None:
        """Nothing: the sources are not read."""

    async def load(self) -> Progress | None:
        """The progress; its sources are not opened, and go by their names in it."""
        progress = await self.checkpoint.load() if self.checkpoint is not None else None
        if progress is not None:
            names = {flow: state.source for flow, state in progress.flows.items()}
            progress.refuse_other(self.shape, names, str(self.checkpoint))
            for flow, name in names.items():
                self.graph.readers[flow].known_as = name
        return progress

    async def resume_sources(self, committer: Committer, loaded: Progress | None) -> None:
        """Nothing: the sources are not read, and the checkpoint stays until all is done."""


class Redelivery(Run):
    """A run that feeds dead letters back; `Pipeline.redeliver` makes it and explains the arguments.

    It differs from other runs: items enter where they failed, the positions in the checkpoint
    stay, and there is only one barrier, at the end.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        letters: Iterable[DeadLetter] | Source[DeadLetter],
        *,
        decode: Callable[[DeadLetter], Any] | None = None,
        **options: Unpack[RunOptions],
    ) -> None:
        super().__init__(flows, **options)
        self._letters: Any = letters if hasattr(letters, "resume") else IterableSource(letters)
        self._decode = decode or _item_of
        self._reader: LetterReader | None = None

    @property
    def _readers(self) -> Sequence[Any]:
        return () if self._reader is None else (self._reader,)

    def _parts(self) -> Sequence[Part]:
        letters = Part(self._letters, "the source of dead letters", RetryPolicy())
        return [*self._dead_letter_parts(), *parts_of(self.flows, with_sources=False), letters]

    def _recovery(self, graph: Graph) -> Recovery:
        return _RecoveryOfSinks(graph, self._checkpoint, self.shape, adopt=False)

    async def _restore(self, graph: Graph, recovery: Recovery) -> Committer:
        committer = await super()._restore(graph, recovery)
        # Letters are from before the positions of the sinks, which would leave them out.
        for deliverer in graph.deliverers:
            deliverer.stay_at(committer.position_of(deliverer.reader.flow))
        self._reader = LetterReader(
            self._letters,
            graph,
            self._decode,
            done=lambda reader, barrier: self._on_end(committer, reader, barrier),
        )
        return committer

    def _on_end(self, committer: Committer, reader: SourceReader, barrier: Barrier) -> None:
        if reader.known_as is not None:  # the flow is in the checkpoint
            committer.note(reader, committer.position_of(reader.flow), barrier.states)


def _item_of(letter: DeadLetter) -> Any:
    return letter.item
