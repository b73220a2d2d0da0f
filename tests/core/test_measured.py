"""A collector with measurements of its own gets the instruments of the run before it opens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ekspiper.core import Collector, Flow, Instruments, Measured, Metric, Pipeline, Step
from ekspiper.core.testing import RecordingInstruments

OPENED = Metric("opened_total", "counter", ("by",), "times", "How often it was opened")


class Counts(Collector[Any]):
    def use_instruments(self, instruments: Instruments) -> None:
        self.opened = instruments.instrument(OPENED, by="me")

    async def open(self) -> None:
        self.opened.record(1)

    async def collect(self, batch: Sequence[Any]) -> None:
        pass


async def test_it_measures_itself() -> None:
    instruments = RecordingInstruments()
    assert isinstance(Counts(), Measured)
    flow = Flow("f", source=[1, 2], steps=(Step(lambda item: item, collectors=(Counts(),)),))
    await Pipeline(flow).run(instruments=instruments)
    assert instruments.total("opened_total", by="me") == 1


async def test_it_runs_without_instruments() -> None:
    flow = Flow("f", source=[1], steps=(Step(lambda item: item, collectors=(Counts(),)),))
    assert (await Pipeline(flow).run()).kept == 1
