"""Columns from lines are the columns that the records of those lines make; or the line is left out."""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable, Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekspiper.xrpl.codec import Decoder, implementation
from ekspiper.xrpl.processors import LedgerObjectRecord, TransactionEtl
from ekspiper.xrpl.replay import SAMPLE
from ekspiper.xrpl.schema import Formats, LineColumns, arrow_schema
from ekspiper.xrpl.sources import ObjectPage
from ekspiper.xrpl.verify import parse_ledger

from .both_ways import altered, hold

pa = pytest.importorskip("pyarrow")

pytestmark = pytest.mark.skipif(
    implementation() != "compiled", reason="the compiled codec is not built: hatch run dev:codec"
)

TRANSACTIONS = Formats().transactions_table()
OBJECTS = Formats().objects_table()

JSON = {b"ekspiper": b"json"}
SMALL = pa.schema(
    [
        ("text", pa.string()),
        ("small", pa.int16()),
        ("large", pa.int64()),
        pa.field("any", pa.string(), metadata=JSON),
        ("time", pa.timestamp("s", tz="UTC")),
        ("struct", pa.struct([("text", pa.string()), ("inner", pa.struct([("n", pa.int32())]))])),
        ("texts", pa.list_(pa.string())),
        ("structs", pa.list_(pa.struct([("a", pa.string()), ("b", pa.list_(pa.int64()))]))),
        ("bool", pa.bool_()),
        ("float", pa.float64()),
    ]
)


@pytest.fixture(scope="module")
def columns() -> LineColumns:
    made = LineColumns.of(arrow_schema(TRANSACTIONS))
    assert made is not None
    return made


@pytest.fixture(scope="module")
def small() -> LineColumns:
    made = LineColumns.of(SMALL)
    assert made is not None
    return made


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """The transactions of the sample network, and every type that is in it more than once."""
    return [line for batch in transaction_lines(Path(SAMPLE)) for line in batch]


def transaction_lines(folder: Path) -> Iterator[list[bytes]]:
    """The lines of a recording's ledgers."""
    decoder, etl = Decoder(shape="record"), TransactionEtl()
    with gzip.open(folder / "ledger_v2_binary.jsonl.gz") as answers:
        for answer in answers:
            ledger = parse_ledger(orjson.loads(answer)["response"]["result"], decoder=decoder)
            made = [etl._line(transaction) for transaction in ledger.transactions]
            yield [line for line in made if line is not None]


def object_lines(file: Path) -> Iterator[list[bytes]]:
    """The lines of a recorded state's objects."""
    etl = LedgerObjectRecord()
    with gzip.open(file) as answers:
        for answer in answers:
            result = orjson.loads(answer)["response"]["result"]
            objects = tuple((each["index"], each["data"]) for each in result["state"])
            page = ObjectPage(
                int(result["ledger_index"]), result["ledger_hash"], "", objects, False
            )
            made = [etl._line(page, index, data) for index, data in page.wanted()]
            yield [line.line for line in made if not isinstance(line, dict)]


def test_every_transaction_of_the_sample_has_columns(
    columns: LineColumns, lines: list[bytes]
) -> None:
    assert not hold(columns, TRANSACTIONS, lines)
    for first in range(0, 60, 3):  # batches of one, and whatever was left in the columns
        assert not hold(columns, TRANSACTIONS, lines[first : first + 1 + first % 3])


@pytest.mark.parametrize("folder", ["recording", "network"])
def test_every_recorded_transaction_has_columns(
    columns: LineColumns, shared_data: Path, folder: str
) -> None:
    for some in joined(transaction_lines(shared_data / folder)):
        assert not hold(columns, TRANSACTIONS, some)


@pytest.mark.parametrize(
    "file",
    ["recording/ledger_data_v2_binary_302.jsonl.gz", "network/ledger_data_v2_binary_540.jsonl.gz"],
)
def test_recorded_ledger_objects_have_columns(shared_data: Path, file: str) -> None:
    columns = LineColumns.of(arrow_schema(OBJECTS))
    assert columns is not None
    total = left_out = 0
    for some in joined(object_lines(shared_data / file)):
        total += len(some)
        left_out += len(hold(columns, OBJECTS, some))
    assert left_out == 0, f"{left_out} of {total}"


def joined(parts: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """Larger parts of them, as one has its own cost."""
    some: list[bytes] = []
    for part in parts:
        some += part
        if len(some) > 1_000:
            yield some
            some = []
    yield some


def test_a_line_that_does_not_fit_leaves_nothing_behind(
    columns: LineColumns, lines: list[bytes]
) -> None:
    whole, random_ = lines[:40], random.Random(7)
    mixed: list[bytes] = []
    for line in whole:
        cut = random_.randrange(len(line))
        mixed += [line[:cut], line, line[:-2] + b',"strange":1}\n', line[:-2] + b',"hash":"A"}\n']
    batch, unfit = columns.read(mixed)
    assert unfit == [place for place in range(len(mixed)) if place % 4 != 1]
    assert batch.equals(columns.read(whole)[0])


def test_a_line_cut_anywhere_is_left_out(columns: LineColumns, lines: list[bytes]) -> None:
    line = max((line for line in lines if len(line) < 8_000), key=len)
    cut = [line[:size] for size in range(len(line))]
    batch, unfit = columns.read(cut)
    assert unfit == list(range(len(cut)))
    assert batch.num_rows == 0


def test_altered_lines_are_read_as_their_records_or_left_out(
    columns: LineColumns, lines: list[bytes]
) -> None:
    chance = random.Random(11)
    some = [altered(chance.choice(lines), chance, chance.choice(lines)) for _ in range(4_000)]
    assert len(hold(columns, TRANSACTIONS, some)) > 1_000


@pytest.mark.parametrize(
    "record",
    [
        {"text": None},
        {"text": 1},
        {"text": "é"},
        {"text": 'a"b'},
        {"text": "a\\"},
        {"text": "a\n"},
        {"text": "\x7f\x1f"},
        {"text": ["a"]},
        {"small": 1 << 15},
        {"small": -(1 << 15) - 1},
        {"small": "1"},
        {"small": 1.0},
        {"small": 1e5},
        {"small": True},
        {"large": 1 << 63},
        {"any": None},
        {"any": [1.5]},
        {"any": {"a": 1 << 63}},
        {"any": ["é"]},
        {"time": "2026-11-22 12:01:40Z"},
        {"time": "2026-11-22T12:01:40"},
        {"time": "2026-11-22T12:01:40+00:00"},
        {"time": "2026-11-22T12:01:40.5Z"},
        {"time": "2026-02-29T12:01:40Z"},
        {"time": "2026-04-31T12:01:40Z"},
        {"time": "2100-02-29T00:00:00Z"},
        {"time": "2026-00-01T12:01:40Z"},
        {"time": "2026-13-01T12:01:40Z"},
        {"time": "2026-01-00T12:01:40Z"},
        {"time": "2026-01-01T24:00:00Z"},
        {"time": "2026-01-01T23:60:00Z"},
        {"time": "2026-01-01T23:59:60Z"},
        {"time": "0000-01-01T00:00:00Z"},
        {"time": 5},
        {"struct": []},
        {"struct": {"other": 1}},
        {"struct": {"inner": {"n": "1"}}},
        {"texts": {}},
        {"texts": "a"},
        {"texts": ["a", None]},
        {"texts": ["a", ["b"]]},
        {"structs": [{"a": "1"}, 5]},
        {"structs": [{"a": "1", "b": [1, "2"]}]},
        {"bool": True},
        {"float": 1.5},
        {"unknown": "a"},
        {"": "a"},
        [],
        "text",
        1,
    ],
)
def test_what_columns_cannot_hold_is_left_out(small: LineColumns, record: Any) -> None:
    good = {"text": "a", "structs": [{"a": "1", "b": [1, 2]}, {}], "texts": ["x"]}
    assert_read(small, [good, record, good, record, good], [0, 2, 4])


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"{}", b"{}\n\n", b"{}\n{}\n", b" {}\n", b"{,}\n", b'{"text":"a",}\n']
)
def test_what_is_not_one_line_of_one_object_is_left_out(small: LineColumns, line: bytes) -> None:
    batch, unfit = small.read([line, b"{}\n"])
    assert (batch.num_rows, unfit) == (1, [0])


@pytest.mark.parametrize(
    "blocks",
    [
        [b"{}\n{}"],
        [b"{}\n\n"],
        [b"\n"],
        [b'{}\n{"text":"a\n"}\n'],
        [b"{}\n", b"{}\n{}\n[]\n"],
        [b'{"texts":["a"]}\n{"texts":["b",1]}\n'],
    ],
)
def test_of_blocks_with_a_line_that_does_not_fit_nothing_stays(
    small: LineColumns, blocks: list[bytes]
) -> None:
    assert small.read_blocks(blocks) is None
    batch = small.read_blocks([b'{"texts":["c"]}\n{}\n', b"", b"{}\n"])
    assert batch is not None
    assert batch.column("texts").to_pylist() == [["c"], None, None]


@pytest.mark.parametrize("odd", ["\\", "\x1f", "\x80", '"'])
def test_an_odd_character_is_found_wherever_it_stands(small: LineColumns, odd: str) -> None:
    plain = ["x" * size for size in range(1, 70)]
    texts = [*plain, *(text[:at] + odd + text[at:] for text in plain for at in range(len(text)))]
    for start in ('{"text":"', '{"any":{"a":"'):
        end = '"}\n' if "text" in start else '"}}\n'
        _, unfit = small.read([(start + text + end).encode("latin-1") for text in texts])
        assert unfit == list(range(len(plain), len(texts)))


def test_keys_may_come_in_any_order(small: LineColumns) -> None:
    names = {"text": "a", "small": 1, "large": 2, "any": {"b": 3}}
    found = [{name: names[name] for name in order} for order in permutations(names)]
    assert_read(small, found, list(range(len(found))))


def test_a_key_that_comes_twice_is_left_out(small: LineColumns) -> None:
    for line in (b'{"text":"a","text":"b"}\n', b'{"struct":{},"struct":{"text":"a"}}\n'):
        assert small.read([line])[1] == [0]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"small": -(1 << 15), "large": -(10**17)},
        {"small": (1 << 15) - 1, "large": 10**18 - 1},
        {"any": {"a": [1, {"b": ["c", -5]}], "d": {}}},
        {"any": "text"},
        {"any": []},
        {"struct": {}},
        {"struct": {"inner": {}}},
        {"texts": []},
        {"structs": [{}, {"b": []}, {"a": "x", "b": [1, 2, 3]}]},
    ],
)
def test_what_columns_can_hold_is_read(small: LineColumns, record: dict[str, Any]) -> None:
    good = {"text": "a", "struct": {"text": "b", "inner": {"n": 7}}}
    assert_read(small, [good, record, good], [0, 1, 2])


@given(st.datetimes().map(lambda moment: moment.replace(microsecond=0)))
def test_every_second_of_the_calendar_is_read(moment: Any) -> None:
    text = moment.isoformat() + "Z"
    made = LineColumns.of(pa.schema([SMALL.field("time")]))
    assert made is not None
    batch, unfit = made.read([orjson.dumps({"time": text}) + b"\n"])
    assert not unfit
    seconds = batch.column(0).cast(pa.int64())[0].as_py()
    assert seconds == (moment - moment.replace(1970, 1, 1, 0, 0, 0)).total_seconds()


texts = st.text(alphabet='ab"\\é\n ', max_size=20) | st.text("abc", max_size=20)
numbers = st.integers(-(1 << 70), 1 << 70) | st.integers(-10, 10)
anything = st.recursive(
    st.none()
    | st.booleans()
    | texts
    | st.integers(-(1 << 63), 1 << 63)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "text": texts | anything,
            "small": numbers.filter(lambda number: abs(number) < 1 << 63),
            "any": anything,
            "struct": st.fixed_dictionaries({}, optional={"text": texts, "inner": anything}),
            "texts": st.lists(texts | anything, max_size=4),
            "structs": st.lists(
                st.fixed_dictionaries({}, optional={"a": texts, "b": st.lists(st.integers(-9, 9))}),
                max_size=4,
            ),
        },
    ),
    max_size=6,
)


@settings(max_examples=300)
@given(records)
def test_random_records_are_read_exactly_or_left_out(found: list[Any]) -> None:
    made = LineColumns.of(SMALL)
    assert made is not None
    batch, unfit = made.read([orjson.dumps(record) + b"\n" for record in found])
    batch.validate(full=True)
    assert_rows(batch, [record for at, record in enumerate(found) if at not in set(unfit)])


def assert_read(columns: LineColumns, records: list[Any], expected: list[int]) -> None:
    batch, unfit = columns.read([orjson.dumps(record) + b"\n" for record in records])
    batch.validate(full=True)
    assert unfit == [place for place in range(len(records)) if place not in expected]
    assert_rows(batch, [records[place] for place in expected])


def assert_rows(batch: Any, records: list[Any]) -> None:
    for record in records:
        if "any" in record:
            record["any"] = orjson.dumps(record["any"]).decode()
    expected = pa.Table.from_pylist(records, schema=SMALL)
    assert pa.Table.from_batches([batch]).equals(expected)


def test_without_the_compiled_codec_there_are_no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from ekspiper.xrpl.codec import _compiled_codec

    monkeypatch.setattr(_compiled_codec, "compiled", None)
    assert LineColumns.of(SMALL) is None
