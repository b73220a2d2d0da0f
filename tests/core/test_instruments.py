"""What a run tells its instruments, its tracer and a notebook."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ekspiper.core import (
    METRICS,
    BatchPolicy,
    CommitPolicy,
    Delivery,
    Flow,
    MissingExtra,
    OpenTelemetryTracer,
    PassThrough,
    Permanent,
    Pipeline,
    Queue,
    Retryable,
    RetryPolicy,
    Step,
    Throttled,
    processor,
)
from ekspiper.core.testing import (
    Fail,
    FaultyCollector,
    Hang,
    ListSource,
    MemoryCheckpoint,
    Pause,
    RecordingCollector,
    RecordingInstruments,
    run_virtual,
)

BEGAN = 1_700_000_000


def busy_pipeline(sink: Any) -> Pipeline:
    """Ten items: one filtered, one retried, one throttled, one failed, one refused."""
    seen: set[int] = set()

    @processor
    def work(item: int) -> int | None:
        if item == 0:
            return None
        if item in (1, 2) and item not in seen:
            seen.add(item)
            raise Retryable("later") if item == 1 else Throttled(3.0, "busy")
        if item == 3:
            raise Permanent("never")
        return item

    numbers = ListSource(range(10), time=lambda item: BEGAN + item)
    queue = Queue("queue", max_items=50, max_bytes=5000)
    faulty = FaultyCollector(sink, [Fail()], refuses=lambda item: item == 4)
    return Pipeline(
        Flow("a", source=numbers, steps=(Step(work, collectors=(queue,)),)),
        Flow("b", source=queue, steps=(Step(PassThrough(), collectors=(faulty,)),)),
    )


def test_every_metric_is_recorded_with_its_labels_and_adds_up() -> None:
    told = RecordingInstruments()
    sink = RecordingCollector(BatchPolicy(count=2))
    run_virtual(
        busy_pipeline(sink).run(
            instruments=told, dead_letters=RecordingCollector(), checkpoint=MemoryCheckpoint()
        )
    )
    assert told.total("ekspiper_source_items_total", flow="a") == 10
    assert told.total("ekspiper_items_in_total", flow="a", step="work") == 10
    assert told.total("ekspiper_items_out_total", flow="a", step="work") == 8
    assert told.total("ekspiper_items_in_total", flow="b", step="PassThrough") == 8
    assert told.total("ekspiper_bytes_in_total", flow="a", step="work") == 10 * 28
    assert told.total("ekspiper_bytes_out_total", flow="a", step="work") == 8 * 28
    assert told.total("ekspiper_bytes_in_total", flow="b", step="PassThrough") == 8 * 28
    assert told.total("ekspiper_bytes_out_total", flow="b", step="PassThrough") == 8 * 28
    assert told.total("ekspiper_kept_items_total", flow="b", collector="FaultyCollector") == 7
    assert told.total("ekspiper_kept_bytes_total") == 7 * 28
    assert told.total("ekspiper_retries_total", flow="a") == 2
    assert told.total("ekspiper_errors_total", flow="a", kind="retryable") == 1
    assert told.total("ekspiper_errors_total", flow="a", kind="throttled") == 1
    assert told.total("ekspiper_errors_total", flow="a", kind="permanent") == 1
    assert told.total("ekspiper_errors_total", flow="b", kind="retryable") == 1
    assert told.total("ekspiper_errors_total", flow="b", kind="permanent") == 1
    assert told.total("ekspiper_dead_letters_total", step="work", collector="") == 1
    assert told.total("ekspiper_dead_letters_total", collector="FaultyCollector") == 1
    assert told.total("ekspiper_retries_total", flow="b", collector="FaultyCollector") == 1
    assert told.total("ekspiper_errors_total", collector="FaultyCollector") == 2
    assert told.last("ekspiper_queue_items_limit", queue="queue") == 50
    assert told.last("ekspiper_queue_bytes_limit", queue="queue") == 5000
    assert told.last("ekspiper_queue_items", queue="queue") == 0
    assert told.last("ekspiper_open_receipts", flow="a") == 0
    assert told.last("ekspiper_checkpoint_position", flow="a") == 10
    assert told.total("ekspiper_checkpoints_total") >= 1
    assert told.total("ekspiper_batch_items", flow="b") == 8
    receipts = told.recorded["ekspiper_receipt_seconds", (("flow", "a"),)]
    assert len(receipts) == 10
    known = {name for name, _ in told.recorded}
    assert known | {"ekspiper_dropped_total"} >= set(METRICS)


PLACE = {"flow": "f", "step": "s", "collector": "sink"}


def sinking(
    sink: Any, *, source: Any = None, process: Any = None, on_error: Any = None
) -> Pipeline:
    """Items 0 to 4, which came about so many seconds after `BEGAN`, into one collector."""
    numbers = source or ListSource(range(5), time=lambda item: BEGAN + item)
    step = Step(
        process or PassThrough(),
        name="s",
        on_error=on_error,
        collectors=(Delivery(sink, name="sink", retry=RetryPolicy(elapsed=None, longest=1.0)),),
    )
    return Pipeline(Flow("f", source=numbers, steps=(step,)))


async def watched(pipeline: Pipeline, seconds: float) -> tuple[RecordingInstruments, Any, Any]:
    told = RecordingInstruments()
    run = pipeline.start(instruments=told, commit=CommitPolicy(seconds=1.0))
    task = asyncio.create_task(run.finish())
    await asyncio.sleep(seconds)
    return told, run, task


def age_of(item: int) -> Any:
    return pytest.approx(time.time() - BEGAN - item, abs=30)


def test_a_sink_that_is_down_shows_while_it_is_down() -> None:
    async def main() -> None:
        mended = asyncio.Event()

        class Down(RecordingCollector):
            async def collect(self, batch: Any) -> None:
                if not mended.is_set():
                    raise Retryable("down")
                await super().collect(batch)

        source = ListSource([*range(5), Pause()], time=lambda item: BEGAN + item)
        told, _, task = await watched(sinking(Down(), source=source), 60)
        assert told.total("ekspiper_retries_total", **PLACE) > 20
        assert told.total("ekspiper_errors_total", **PLACE, kind="retryable") > 20
        assert told.last("ekspiper_collector_failing", **PLACE) == 1
        assert told.last("ekspiper_kept_lag_seconds", **PLACE) == age_of(0), "nothing is kept yet"
        mended.set()
        await asyncio.sleep(5)
        assert told.last("ekspiper_collector_failing", **PLACE) == 0
        assert told.last("ekspiper_kept_lag_seconds", **PLACE) == age_of(4)
        task.cancel()

    run_virtual(main())


def test_a_sink_that_hangs_fails_when_its_patience_is_over() -> None:
    async def main() -> None:
        source = ListSource([1, Pause()])
        told, run, task = await watched(
            sinking(FaultyCollector(RecordingCollector(), [Hang()]), source=source), 14
        )
        assert told.last("ekspiper_collector_failing", **PLACE) == 0
        assert run.statistics().failing == {}
        await asyncio.sleep(4)
        assert told.last("ekspiper_collector_failing", **PLACE) == 1
        assert run.statistics().failing == {"f/s/sink": "has not answered for a batch for 18 s"}
        task.cancel()

    run_virtual(main())


def test_a_sink_that_gets_little_is_not_behind() -> None:
    """What was filtered on the way is kept, and a barrier says so."""

    async def main() -> None:
        source = ListSource([*range(5), Pause()], time=lambda item: BEGAN + 1000 * item)
        pipeline = sinking(RecordingCollector(), source=source, process=lambda n: n or None)
        told, _, task = await watched(pipeline, 3)
        assert told.last("ekspiper_kept_lag_seconds", **PLACE) == age_of(4000)
        task.cancel()
        source = ListSource([*range(5), Pause()], time=lambda item: BEGAN + 1000 * item)
        pipeline = sinking(RecordingCollector(), source=source, process=lambda n: None)
        told, _, task = await watched(pipeline, 3)
        assert told.last("ekspiper_kept_lag_seconds", **PLACE) == age_of(4000)
        task.cancel()

    run_virtual(main())


def test_what_a_sink_refuses_is_counted_as_its_own() -> None:
    refusing = FaultyCollector(RecordingCollector(), refuses=lambda item: item > 2)
    told = RecordingInstruments()
    run_virtual(sinking(refusing).run(instruments=told, dead_letters=RecordingCollector()))
    assert told.total("ekspiper_dead_letters_total", **PLACE) == 2
    assert told.total("ekspiper_errors_total", **PLACE, kind="permanent") == 2
    refusing = FaultyCollector(RecordingCollector(), refuses=lambda item: item > 2)
    told = RecordingInstruments()
    run_virtual(sinking(refusing, on_error="skip").run(instruments=told))
    assert told.total("ekspiper_dropped_total", **PLACE) == 2
    assert told.total("ekspiper_dropped_total", **{**PLACE, "collector": ""}) == 0


def test_collectors_of_one_name_in_two_steps_add_up() -> None:
    told = RecordingInstruments()
    steps = [
        Step(process, name=name, collectors=(Delivery(RecordingCollector(), name="sink"),))
        for name, process in (("all", PassThrough()), ("even", lambda n: None if n % 2 else n))
    ]
    run_virtual(
        Pipeline(Flow("f", source=ListSource(range(10)), steps=steps)).run(instruments=told)
    )
    assert told.total("ekspiper_kept_items_total", flow="f", collector="sink") == 15


def test_a_dead_letter_collector_that_is_down_shows() -> None:
    async def main() -> None:
        letters = FaultyCollector(RecordingCollector(), [Fail()] * 1000)
        told = RecordingInstruments()
        pipeline = sinking(RecordingCollector(), process=lambda n: 1 // n)
        run = pipeline.start(instruments=told, dead_letters=letters)
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(30)
        assert told.last("ekspiper_collector_failing", collector="dead letters") == 1
        assert run.statistics().failing == {"the dead-letter collector": "the test lets it fail"}
        task.cancel()

    run_virtual(main())


def test_metrics_have_names_that_say_their_unit() -> None:
    for metric in METRICS.values():
        assert metric.name.startswith("ekspiper_")
        assert metric.help
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        if metric.unit in {"seconds", "bytes"}:
            assert metric.unit in metric.name


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    from opentelemetry import trace

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    return exporter


def test_each_call_is_a_span_and_a_failed_one_says_so(spans: InMemorySpanExporter) -> None:
    sink = RecordingCollector(BatchPolicy(count=2))
    run_virtual(
        busy_pipeline(sink).run(tracer=OpenTelemetryTracer(), dead_letters=RecordingCollector())
    )
    finished = spans.get_finished_spans()
    process = [
        span
        for span in finished
        if span.name == "ekspiper.process"
        and dict(span.attributes or {}) == {"ekspiper.flow": "a", "ekspiper.step": "work"}
    ]
    assert len(process) == 12, "ten items, two of them twice"
    assert sum(1 for span in process if not span.status.is_ok and span.events) == 3
    collect = [span for span in finished if span.name == "ekspiper.collect"]
    assert collect
    attributes = dict(collect[-1].attributes or {})
    assert attributes.pop("ekspiper.items") in (1, 2)
    assert attributes == {"ekspiper.flow": "b", "ekspiper.collector": "FaultyCollector"}


def test_tracing_without_opentelemetry_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"pip install 'ekspiper-core\[tracing\]'"):
        OpenTelemetryTracer()


def test_a_pipeline_and_a_flow_draw_themselves() -> None:
    pipeline = busy_pipeline(RecordingCollector())
    drawn = pipeline._repr_markdown_()
    assert drawn.startswith("```mermaid\nflowchart LR\n")
    assert drawn.endswith("```")
    for label in ('"a"', '"b"', '"work"', '"queue"', '"FaultyCollector"', '"ListSource"'):
        assert label in drawn
    assert pipeline.flows[0]._repr_markdown_().count("subgraph") == 1
    assert repr(pipeline) == "Pipeline(a, b)"


def test_a_run_shows_its_counters_while_it_goes_on() -> None:
    sink = FaultyCollector(RecordingCollector(), [Fail(Throttled(60.0, "<busy>"))])
    source = ListSource([1, 2, Pause(), 3])
    pipeline = Pipeline(Flow("a", source=source, steps=(Step(PassThrough(), collectors=(sink,)),)))

    async def main() -> None:
        run = pipeline.start()
        assert "not started" in run._repr_html_()
        assert run.statistics().sources == {}
        task = asyncio.create_task(run.finish())
        await asyncio.sleep(10)
        html = run._repr_html_()
        assert "running" in html
        assert "2 read" in html
        assert "&lt;busy&gt;" in html, "what fails now is shown, and escaped"
        assert run._repr_markdown_().startswith("```mermaid")
        run.drain()
        assert "draining" in run._repr_html_()
        run.stop()
        with pytest.raises(Exception, match="stopped"):
            await task
        assert "ended" in run._repr_html_()

    run_virtual(main())


def test_an_item_that_is_handed_on_as_it_is_keeps_its_size_unless_the_queue_measures() -> None:
    def bytes_in(queue: Queue) -> float:
        told = RecordingInstruments()
        step = Step(PassThrough(), collectors=(queue,))
        first = Flow("a", source=ListSource([{"n": n} for n in range(10)]), steps=(step,))
        second = Flow("b", source=queue, steps=(Step(PassThrough()), Step(lambda item: None)))
        run_virtual(Pipeline(first, second).run(instruments=told))
        assert told.total("ekspiper_bytes_in_total", step="<lambda>") == told.total(
            "ekspiper_bytes_in_total", flow="b", step="PassThrough"
        )
        return told.total("ekspiper_bytes_in_total", flow="b", step="PassThrough")

    assert bytes_in(Queue("q", measure=lambda item: 7)) == 70
    assert bytes_in(Queue("q")) > 2000
