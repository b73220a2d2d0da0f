"""A recording is read whole or refused with file and line."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from ekspiper.xrpl.replay import Recording, RecordingError

from .conftest import lines_of


def write(path: Path, *lines: object) -> Path:
    """A plain file of JSON lines; bytes are taken as they are."""
    path.write_bytes(b"\n".join(x if isinstance(x, bytes) else orjson.dumps(x) for x in lines))
    return path


def a_ledger(recorded: Path) -> dict[str, Any]:
    return lines_of(recorded / "ledger_v2_binary.jsonl.gz")[0]


def test_the_full_recording(recording: Recording) -> None:
    assert (recording.first, recording.last, len(recording.indexes)) == (3, 302, 300)
    state = recording.state(302)
    assert state is not None
    assert len(state.binary) == len(state.json) == 2085
    assert state.binary.is_complete
    assert state.json.is_complete


def test_a_plain_file_with_empty_lines(recorded: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", a_ledger(recorded), b"", b"  ")
    with Recording.load(tmp_path) as loaded:
        assert loaded.indexes == (3,)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="gone is not a folder"):
        Recording.load(tmp_path / "gone")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"has no \*\.jsonl\.gz and no \*\.jsonl file"):
        Recording.load(tmp_path)


def test_no_ledger(recorded: Path, tmp_path: Path) -> None:
    name = "amm_info_v2.jsonl.gz"
    (tmp_path / name).write_bytes((recorded / name).read_bytes())
    with pytest.raises(RecordingError, match="no validated ledger"):
        Recording.load(tmp_path)


@pytest.mark.parametrize("state", ["zz", [[]], [{"data": None, "index": "0" * 64}]])
def test_a_state_that_is_none(recorded: Path, tmp_path: Path, state: object) -> None:
    page = lines_of(recorded / "ledger_data_v2_binary_302.jsonl.gz")[0]
    page["response"]["result"]["state"] = state
    write(tmp_path / "a.jsonl", a_ledger(recorded), page)
    with pytest.raises(RecordingError, match=r"a\.jsonl:2: not what a server answers: "):
        Recording.load(tmp_path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"request":{"comm', "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "must be a JSON object"),
        (b'{"what":1}', "nor a stream message"),
        (b'{"request":{"command":"ping"}}', "must both be JSON objects"),
        (b'{"request":{},"response":{"result":{}}}', 'has no "command"'),
        (b'{"request":{"command":"ping"},"response":{}}', 'neither "result" nor "error"'),
        (
            b'{"request":{"command":"ledger"},"response":{"result":{"validated":true}}}',
            "'ledger' is missing",
        ),
    ],
)
def test_a_bad_line_is_named(recorded: Path, tmp_path: Path, line: bytes, told: str) -> None:
    path = write(tmp_path / "a.jsonl", a_ledger(recorded), line)
    with pytest.raises(RecordingError) as caught:
        Recording.load(tmp_path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_gzip_is_named(recorded: Path, tmp_path: Path) -> None:
    whole = (recorded / "ledger_v2_binary.jsonl.gz").read_bytes()
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match=r"a\.jsonl\.gz:\d+: the gzip file is cut off here"):
        Recording.load(tmp_path)


def test_a_damaged_gzip_is_named(recorded: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"this is not gzip")
    with pytest.raises(RecordingError, match=r"a\.jsonl\.gz:1: damaged gzip file"):
        Recording.load(tmp_path)


def test_ledgers_that_were_not_validated_are_not_held(recorded: Path, tmp_path: Path) -> None:
    kept, unvalidated = lines_of(recorded / "ledger_v2_binary.jsonl.gz")[:2]
    unvalidated["response"]["result"]["validated"] = False
    write(tmp_path / "a.jsonl", kept, unvalidated)
    with Recording.load(tmp_path) as loaded:
        assert loaded.indexes == (3,)


def test_a_state_with_a_gap_is_not_served(recorded: Path, tmp_path: Path) -> None:
    pages = lines_of(recorded / "ledger_data_v2_302.jsonl.gz")
    write(tmp_path / "a.jsonl", *pages[:3], *pages[4:])
    with Recording.load(tmp_path) as loaded:
        state = loaded.state(302)
        assert state is not None
        assert state.column(binary=False) is None
        assert loaded.indexes == (302,)


def test_pages_in_any_order_are_one_state(recorded: Path, tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", *reversed(lines_of(recorded / "ledger_data_v2_302.jsonl.gz")))
    with Recording.load(tmp_path) as loaded:
        column = loaded.state(302).column(binary=False)  # type: ignore[union-attr]
        assert column is not None
        keys = [column.key(place) for place in range(len(column))]
        assert keys == sorted(keys)
        assert len(keys) == 2085


def test_the_sample(shared_data: Path) -> None:
    with (
        Recording.sample() as sample,
        Recording.load(shared_data / "network") as recording,
    ):
        assert (sample.first, sample.last, len(sample.indexes)) == (421, 540, 120)
        for index in sample.indexes:
            span, whole = sample.ledgers[index].forms, recording.ledgers[index].forms
            assert sample.read(span["binary2"]) == recording.read(whole["binary2"])
        state = sample.state(540)
        assert state is not None
        assert len(state.binary) == 3200
        assert state.binary.is_complete


def test_loading_closes_the_spool_on_failure(tmp_path: Path, recorded: Path) -> None:
    path = write(tmp_path / "a.jsonl", a_ledger(recorded), b"not JSON")
    for _ in range(3):  # An open file would be a ResourceWarning, which is an error here.
        with pytest.raises(RecordingError):
            Recording.load(path.parent)


def test_gzip_members_one_after_another(recorded: Path, tmp_path: Path) -> None:
    first, second = lines_of(recorded / "ledger_v2_binary.jsonl.gz")[:2]
    members = [gzip.compress(orjson.dumps(line) + b"\n") for line in (first, second)]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(members))
    with Recording.load(tmp_path) as loaded:
        assert loaded.indexes == (3, 4)
