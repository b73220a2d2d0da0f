"""Lines that are encoded and never become objects are judged as those that do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest

from ekspiper.xrpl.audit import AuditReport, _ledger_groups, audit, read_table
from ekspiper.xrpl.audit._ledger_groups import EncodedLines, ledger_groups, ledger_index
from ekspiper.xrpl.audit.encode_record import MADE
from ekspiper.xrpl.codec import Definitions, _compiled_codec, line_reader
from ekspiper.xrpl.replay import Recording

pytestmark = pytest.mark.skipif(
    _compiled_codec.compiled is None, reason="the compiled codec is not built: hatch run dev:codec"
)
with Recording.sample() as _recording:
    DEFINITIONS = Definitions.bundled().extended_by(_recording.definitions)


def pure_audit(folder: Path, *, deep: bool = True) -> AuditReport:
    with (
        mock.patch.object(_compiled_codec, "compiled", None),
        mock.patch.object(_compiled_codec, "proof", None),
    ):
        return audit(folder, deep=deep, definitions=DEFINITIONS)


def altered(lines: list[bytes], chance: random.Random) -> None:
    """One change of one line, or of the order of lines."""
    at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    line = lines[at]
    kind = chance.randrange(9)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, line)
    elif kind == 2:
        lines[at], lines[other] = lines[other], line
    elif kind == 3:  # as other programs write it
        record = orjson.loads(line)
        members = [*record.items()]
        chance.shuffle(members)
        lines[at] = orjson.dumps(dict(members)) + b"\n"
    elif kind == 4:
        lines[at] = line.replace(b":", b": ")
    elif kind == 5:
        lines[at] = b"not JSON\n" if chance.random() < 0.5 else b"[1]\n"
    elif kind == 6:
        lines[at] = line.replace(b'"ledger_index":', b'"ledger_index":1', 1)
    elif kind == 7:
        lines[-1] = lines[-1][: chance.randrange(len(lines[-1]))]
    else:
        place = chance.randrange(len(line) - 1)
        byte = chance.choice((line[place] ^ 1 << chance.randrange(7), *b'0"F{}[],:\\-'))
        lines[at] = line[:place] + bytes([byte]) + line[place + 1 :]


@pytest.fixture(scope="module")
def reader() -> Any:
    return line_reader(DEFINITIONS, MADE)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_altered_both_codecs_say_the_same(
    folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(_ledger_groups, "_PIECE", chance.choice((1, 5_000, 1_000_000)))
    path = folder / "transactions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for _ in range(chance.choice((1, 1, 2, 3))):
        altered(lines, chance)
    path.write_bytes(b"".join(lines))
    deep = seed % 4 != 0
    assert audit(folder, deep=deep, definitions=DEFINITIONS) == pure_audit(folder, deep=deep)


@pytest.mark.parametrize("piece", [1, 700, 50_000, 10_000_000])
def test_pieces_of_any_size_give_the_same_groups(
    written: Path, reader: Any, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(_ledger_groups, "_PIECE", piece)
    path = written / "transactions.jsonl"
    groups = [*ledger_groups(path, reader, pytest.fail)]
    assert all(isinstance(group, EncodedLines) for _, group in groups)
    assert b"".join(lines for lines in of(groups)) == path.read_bytes()
    expected = groupby(read_table(written, "transactions", damaged=pytest.fail), key=ledger_index)
    assert [
        (index, group.records() if isinstance(group, EncodedLines) else group)
        for index, group in groups
    ] == [(index, list(group)) for index, group in expected]


def of(groups: list[Any]) -> Iterator[bytes]:
    return (group.lines for _, group in groups)


def test_a_line_that_is_declined_leaves_the_ledgers_beside_it_encoded(
    folder: Path, reader: Any
) -> None:
    path = folder / "transactions.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    at = len(lines) // 2
    of_ledger = orjson.loads(lines[at])["ledger_index"]
    lines[at] = lines[at].replace(b":", b": ", 1)
    path.write_bytes(b"".join(lines))
    slow = [
        index
        for index, group in ledger_groups(path, reader, pytest.fail)
        if not isinstance(group, EncodedLines)
    ]
    assert slow == [of_ledger]
    report = audit(folder, deep=True, definitions=DEFINITIONS)
    assert report.faults == []
    assert report.proven == 14


def test_a_line_encodes_to_what_it_was_written_from_wherever_it_is_cut(
    written: Path, reader: Any
) -> None:
    line = (written / "transactions.jsonl").read_bytes().splitlines(keepends=True)[0]
    assert reader.ledger(line, 0) is not None
    for end in range(len(line)):
        assert reader.ledger(line[:end], 0) is None
    for begin in (-1, len(line), len(line) + 1):
        assert reader.ledger(line, begin) is None
