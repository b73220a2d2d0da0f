"""The small parts: measuring, components with no more than they need, secrets, finding them by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.core import (
    ConfigError,
    Delivery,
    Flow,
    MissingExtra,
    Pipeline,
    Retryable,
    Secret,
    Step,
    Throttled,
    UnknownComponent,
    registry,
)
from ekspiper.core._runner.measure import Measure, _walk
from ekspiper.core.testing import (
    Fail,
    FaultyCollector,
    ListSource,
    MemoryCheckpoint,
    RecordingCollector,
    run_virtual,
)

_plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text()


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner) | st.dictionaries(st.text(), inner)


class Blob:
    nbytes = 12345


@pytest.mark.parametrize(
    ("item", "expected"), [(b"x" * 1000, 1000), ("y" * 10, 10), (7, 28), (Blob(), 12345)]
)
def test_what_is_cheap_is_measured_exactly(item: Any, expected: int) -> None:
    measure = Measure()
    assert [measure(item) for _ in range(40)] == [expected] * 40


def test_a_container_counts_with_what_is_in_it() -> None:
    record = {"text": "x" * 10_000, "list": [{"more": "y" * 10_000}]}
    assert 20_000 < Measure()(record) < 22_000


@pytest.mark.parametrize("small", [{}, {"a": 1}, [None] * 5, {"list": [{"x": 1.0}] * 20}])
def test_every_container_is_measured_and_no_large_one_taken_for_a_small_one(small: Any) -> None:
    measure = Measure()
    for number in range(300):
        size = measure({"data": "x" * 1_000_000} if number % 10 == 5 else small)
        assert (size >= 1_000_000) == (number % 10 == 5)


@given(st.lists(_nested(st.recursive(_plain, _nested, max_leaves=10)), max_size=100))
@settings(max_examples=50)
def test_containers_of_all_kinds_add_up_to_what_they_are(items: list[Any]) -> None:
    """Within the few times that lie between small values and their marshalled forms."""
    measure = Measure()
    told, true = sum(map(measure, items)), sum(map(_walk, items))
    assert true / 30 <= told <= true * 30


def test_a_container_with_what_cannot_be_marshalled_is_walked() -> None:
    assert Measure()({"price": Decimal("1.5"), "text": "x" * 10_000}) > 10_000


def test_a_deep_value_is_no_endless_walk() -> None:
    deep: list[Any] = []
    deep.append(deep)
    assert Measure()(deep) > 0


async def test_what_has_nothing_to_open_needs_no_open_and_no_close() -> None:
    class Doubles:
        async def process(self, item: int) -> tuple[int]:
            return (2 * item,)

    class Keeps:
        def __init__(self) -> None:
            self.kept: list[Any] = []

        async def collect(self, batch: Sequence[Any]) -> None:
            self.kept += batch

    sink, letters = Keeps(), Keeps()
    step = Step(cast("Any", Doubles()), collectors=(cast("Any", sink),))
    flow = Flow("f", source=[1, "2", None], steps=(step,))
    report = await Pipeline(flow).run(dead_letters=cast("Any", letters))
    assert sink.kept == [2, "22"]
    assert [letter["position"] for letter in letters.kept] == [3]
    assert (report.kept, report.dead_lettered) == (2, 1)


def test_a_report_is_a_table_that_counts_every_retry() -> None:
    busy = [2, 3]

    def ask(item: int) -> int | None:
        if item in busy:
            busy.remove(item)
            raise Retryable("busy")
        return 1000 // item if item != 9 else None

    sink = FaultyCollector(RecordingCollector(), [Fail()])
    step = Step(ask, name="ask", collectors=(Delivery(sink, name="sink"),))
    flow = Flow("f", source=ListSource(range(2000)), steps=(step,))
    report = run_virtual(
        Pipeline(flow).run(dead_letters=RecordingCollector(), checkpoint=MemoryCheckpoint())
    )
    assert report.retries == 3
    head, _, *table = str(report).splitlines()
    told = ": 2,000 items read, 1,999 kept, 1 dead-lettered, 0 dropped, 3 retries, 1 checkpoint"
    assert head.startswith("ended after ")
    assert head.endswith(told)
    assert [re.split(r"  +", line.rstrip()) for line in table] == [
        ["", "in", "out", "retries", "dead letters", "dropped", "checkpoint"],
        ["source of f", "2,000", "1,999", "1", "2000"],
        ["step f/ask", "2,000", "1,998", "2", "1"],
        ["collector f/ask/sink", "1,998", "1"],
    ]
    assert len({len(line) for line in table[:2]}) == 1, "the columns are aligned"


def test_throttled_takes_the_delay_and_what_there_is_to_say() -> None:
    assert (Throttled(5).delay, str(Throttled(5))) == (5, "asked to wait")
    assert str(Throttled(delay=5, message="slowDown")) == "slowDown"


def test_a_secret_never_shows_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("other")
    assert len({secret, Secret("hunter2")}) == 1
    monkeypatch.setenv("SINK_KEY", "k")
    assert Secret.from_env("SINK_KEY").reveal() == "k"
    (tmp_path / "key").write_text("k2\n")
    assert Secret.from_file(tmp_path / "key").reveal() == "k2"
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        Secret.from_env("NO_SUCH_KEY")
    with pytest.raises(ConfigError, match="cannot read the secret in"):
        Secret.from_file(tmp_path / "none")


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """What a test installs is found by that test alone."""
    registry._found.cache_clear()
    yield
    registry._found.cache_clear()


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> None:
    own = [
        EntryPoint("jsonl", "ekspiper.core:PassThrough", "ekspiper.collectors"),
        EntryPoint("parquet", "no_such_module:X", "ekspiper.collectors"),
    ]
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: own if group == "ekspiper.collectors" else []
    )


@pytest.mark.usefixtures("points")
def test_a_component_is_found_by_name() -> None:
    from ekspiper.core import PassThrough

    assert registry.load("collectors", "jsonl") is PassThrough
    assert sorted(registry.known("collectors")) == ["jsonl", "parquet"]


@pytest.mark.usefixtures("points")
def test_an_unknown_name_lists_the_known_nearest_first() -> None:
    with pytest.raises(UnknownComponent) as caught:
        registry.load("collectors", "parket")
    assert str(caught.value) == "no collector is called 'parket'; known: parquet, jsonl"
    with pytest.raises(UnknownComponent, match="known: none: is ekspiper-sinks installed"):
        registry.load("sources", "x")


@pytest.mark.usefixtures("points")
def test_a_component_that_cannot_be_imported() -> None:
    with pytest.raises(ConfigError, match="the collector 'parquet' cannot be loaded"):
        registry.load("collectors", "parquet")


def test_a_missing_extra_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    class Needs(EntryPoint):
        def load(self) -> Any:
            raise MissingExtra("pip install 'ekspiper-sinks[parquet]'")

    point = Needs("parquet", "x:y", "ekspiper.collectors")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    with pytest.raises(MissingExtra, match="pip install"):
        registry.load("collectors", "parquet")
