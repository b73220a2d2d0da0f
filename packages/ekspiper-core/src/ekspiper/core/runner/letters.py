"""Brings dead letters to the places where their items failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .._wording import describe
from ..dead_letters import DeadLetter
from ..errors import FlowFailed
from ..receipt import Receipt, Receipts
from ..source import Source
from .barrier import Barrier
from .channel import END
from .graph import Graph
from .reading import SourceReader

__all__ = ["LetterReader", "LetterReceipt", "LetterReceipts"]

_BREATH = 64


class LetterReceipt(Receipt):
    """The receipt of a letter: it goes by the position and the source of its item."""

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

    def settled(self, receipt: Receipt) -> None:
        """A letter is settled: the safe position is how many are, from the first, without a gap."""
        super().settled(receipt)
        self.safe_position = self.watermark.mark + 1


class LetterReader:
    """Takes the place of the readers of all sources.

    Args:
        letters: where they come from.
        done: called for the reader of each source when the end has reached all its collectors.
    """

    flow = "dead letters"
    lag: float | None = None

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
        """Take no more letters."""
        self._draining = True

    async def run(self) -> None:
        """Bring all letters, then send the last barrier and the end down from every source.

        Raises:
            FlowFailed: a letter cannot be read, or names a place that is not there.
        """
        async for letter in self._letters:
            await self._bring(letter)
            if self._draining:
                break
            if self.receipts.issued % _BREATH == 0:
                await asyncio.sleep(0)
        for root in self._roots:
            root.outlet.put_control(self._last_barrier(root))
            root.outlet.put_control(END)

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
