"""Readers of a store see a chunk whole or not at all, whatever stops its writers."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from ekspiper.core import ConfigError
from ekspiper.core.chunks import Chunk, ChunkStore, FolderStore, Staged

TABLES = ("names.jsonl", "numbers.jsonl")


def written(store: ChunkStore, first: int, last: int, text: str = "x") -> Staged:
    """What a worker returns for a chunk."""
    with store.aside(Chunk(first, last)) as aside:
        for table in TABLES:
            (aside.folder / table).write_text(text)
    assert aside.staged is not None
    return aside.staged


def visible(folder: Path) -> list[str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    names = (file.relative_to(folder) for file in files)
    return sorted(str(name) for name in names if not name.parts[0].startswith("."))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    made = FolderStore(tmp_path / "out", TABLES, partition=100)
    with made.locked():
        yield made


def test_what_is_aside_cannot_be_seen_until_it_is_published(store: FolderStore) -> None:
    staged = written(store, 110, 119)
    assert (visible(store.path), store.chunks()) == ([], [])
    store.publish(staged)
    assert visible(store.path) == [
        "names/items-0000000100-0000000199/0000000110-0000000119.jsonl",
        "numbers/items-0000000100-0000000199/0000000110-0000000119.jsonl",
    ]
    assert store.chunks() == [Chunk(110, 119)]
    assert not list((store.path / ".chunks/staging").iterdir())


def test_the_same_chunk_again_replaces_itself(store: FolderStore) -> None:
    for text in ("old", "new"):
        store.publish(written(store, 0, 9, text))
    assert len(visible(store.path)) == 2
    assert store.read(store.place("names.jsonl", Chunk(0, 9))) == b"new"


def test_what_is_withdrawn_is_gone_and_its_neighbours_are_there(store: FolderStore) -> None:
    for first in (0, 10):
        store.publish(written(store, first, first + 9))
    store.withdraw(Chunk(0, 9))
    assert store.chunks() == store.chunks("names.jsonl") == [Chunk(10, 19)]


def test_an_error_leaves_nothing_aside(store: FolderStore) -> None:
    def fail() -> None:
        with store.aside(Chunk(0, 9)) as aside:
            (aside.folder / "names.jsonl").write_text("x")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert not list((store.path / ".chunks/staging").iterdir())


def test_a_crash_between_two_tables_is_undone(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(written(store, 0, 9))
    staged, left = written(store, 10, 19), written(store, 20, 29)
    move = store._move

    def crash_at_numbers(source: str, target: str) -> None:
        if "numbers" in target:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(store, "_move", crash_at_numbers)
    with pytest.raises(KeyboardInterrupt):
        store.publish(staged)
    assert store.chunks() == [Chunk(0, 9)]
    assert len(visible(store.path)) == 3
    store.repair()
    assert len(visible(store.path)) == 2
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError):
        store.publish(left)  # of a worker of an earlier run: nobody can publish it any more


def test_two_writers_cannot_publish_at_the_same_time(store: FolderStore) -> None:
    with pytest.raises(ConfigError, match="in use by process"), store.locked():
        pass


def test_a_worker_gets_the_store_by_pickle(store: FolderStore) -> None:
    there = pickle.loads(pickle.dumps(store))
    store.publish(written(there, 0, 9))
    assert store.chunks() == [Chunk(0, 9)]
