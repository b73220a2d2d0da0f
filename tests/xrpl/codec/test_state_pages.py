"""A state that is folded page by page in C is the state that is folded object by object in Python."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.xrpl.codec import CodecError, StateTreeFold, _compiled_codec

Objects = tuple[tuple[str, str], ...]

PROOF = _compiled_codec.proof
NAMES = ("compiled", "pure Python")
needs_compiled = pytest.mark.skipif(
    PROOF is None, reason="the compiled codec is not built: hatch run dev:codec"
)


@pytest.fixture(autouse=True, params=[pytest.param(NAMES[0], marks=needs_compiled), NAMES[1]])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == NAMES[1]:
        monkeypatch.setattr(_compiled_codec, "proof", None)


def objects_under(prefix: str, count: int, chance: random.Random, *, crowded: bool) -> Objects:
    """Objects in the order of their indexes; crowded ones have long beginnings in common."""
    indexes = set()
    for _ in range(count):
        digits = f"{chance.getrandbits(256):064X}"
        if crowded:
            shared = chance.choice(("", "AB", "AB" * 10, "AB" * 31))
            digits = shared + digits[len(shared) :]
        indexes.add((prefix + digits)[:64])
    return tuple(
        (index, chance.randbytes(chance.choice((0, 1, 60, 300))).hex().upper())
        for index in sorted(indexes)
    )


def one_by_one(prefix: str, objects: Objects) -> StateTreeFold:
    fold = StateTreeFold(prefix)
    for index, data in objects:
        fold.add(bytes.fromhex(index), bytes.fromhex(data))
    return fold


@pytest.mark.parametrize("crowded", [False, True])
@pytest.mark.parametrize("prefix", ["", "7", "7AB"])
def test_pages_of_any_size_make_the_same_tree(prefix: str, crowded: bool) -> None:
    chance = random.Random(f"{prefix}{crowded}")
    objects = objects_under(prefix, 300, chance, crowded=crowded)
    expected = one_by_one(prefix, objects)
    for size in (7, 100, len(objects)):
        fold = StateTreeFold(prefix)
        for first in range(0, len(objects), size):
            page = objects[first : first + size]
            fold.add_page(page)
            # As a restart finds it: through JSON.
            fold = StateTreeFold.load(json.loads(json.dumps(fold.save())))
            assert fold.save() == one_by_one(prefix, objects[: first + size]).save()
        assert fold.subtree() == expected.subtree()


@given(st.sets(st.integers(0, 40), max_size=12), st.integers(1, 5))
def test_neighbours_make_the_same_tree(numbers: set[int], size: int) -> None:
    """Keys that differ in their last digits alone: the deepest trees there are."""
    objects = tuple((f"{number:064X}", "00") for number in sorted(numbers))
    fold = StateTreeFold()
    for first in range(0, len(objects), size):
        fold.add_page(objects[first : first + size])
    assert fold.root() == one_by_one("", objects).root()


@needs_compiled
@pytest.mark.parametrize("lanes", [1, 4, 8])
def test_however_many_are_hashed_at_once(lanes: int) -> None:
    objects = objects_under("", 300, random.Random(5), crowded=True)
    folded = PROOF.fold_page(objects, 0, b"", b"", 0, [], lanes)
    assert folded == PROOF.fold_page(objects, 0, b"", b"", 0, [])


INDEX = "AB" * 32


@pytest.mark.parametrize(
    "objects",
    [
        ((INDEX, "00"), (INDEX, "00")),
        ((INDEX, "00"), ("AA" * 32, "00")),
        ((INDEX, "00"), ("CB" * 32, "00")),
        ((INDEX[:-1], "00"),),
        ((INDEX, "0"),),
        ((INDEX, "0G"),),
        ((INDEX, "\ud800"),),
        (("\ud800" * 64, "00"),),
    ],
    ids=str,
)
def test_what_cannot_be_a_page_is_refused_as_one_by_one(objects: Objects) -> None:
    """Also in the middle of a page, whose first objects are in the fold by then or not."""
    fold = StateTreeFold("A")
    fold.add_page((("A0" * 32, "1234"),))

    def feed() -> None:
        fold.add_page(objects)
        fold.add_page((("AF" * 32, "00"),))

    with pytest.raises((CodecError, ValueError)):
        feed()


def test_an_empty_page_changes_nothing() -> None:
    fold = StateTreeFold()
    fold.add_page(())
    assert fold.save() == StateTreeFold().save()
