"""How many bytes an item takes in a queue: exact where it is cheap, close to it elsewhere."""

from __future__ import annotations

import marshal
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

__all__ = ["Measure"]

_DEEPEST = 12
"""Levels that are walked: enough for any record, and an end for a list that contains itself."""

_WALK_EVERY = 127
"""A prime number, so that records that come in turns are all walked now and then."""

_PLAIN = frozenset({int, float, str, bytes, bool, type(None)})
_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})


class Measure:
    """Measures items, one after another; each queue has its own.

    Bytes and strings count their length, and anything with an integer `nbytes` what that says. A
    container counts with all that is in it; any other object counts as itself alone.

    Walking through a record of the ledger in Python takes ten times as long as marshalling it, so
    every container is marshalled, and only the first of about its length and each 127th after it
    are walked. The others count as many bytes for each marshalled one as those did.
    """

    __slots__ = ("_samples",)

    def __init__(self) -> None:
        self._samples: defaultdict[int, _Sample] = defaultdict(_Sample)

    def __call__(self, item: Any) -> int:
        """The size of `item`, in bytes."""
        kind = type(item)
        if kind is bytes or kind is str:
            return len(item)
        if kind in _CONTAINERS:
            return self._of_container(item)
        nbytes = getattr(item, "nbytes", None)
        return nbytes if isinstance(nbytes, int) else _walk(item)

    def _of_container(self, item: Any) -> int:
        try:
            length = len(marshal.dumps(item))
        except ValueError:  # it holds what is not plain, such as a Decimal
            return _walk(item)
        # By length, within a factor of two: small and large records are made differently, and a
        # byte of long text stands for less memory than one of many small numbers.
        sample = self._samples[length.bit_length()]
        sample.count += 1
        if sample.count % _WALK_EVERY == 1:
            size = _walk(item)
            sample.walked += size
            sample.marshalled += length
            return size
        return length * sample.walked // sample.marshalled


class _Sample:
    """What was walked among the containers of about one length."""

    __slots__ = ("count", "marshalled", "walked")

    def __init__(self) -> None:
        self.count = self.walked = self.marshalled = 0


def _walk(value: Any) -> int:
    """The size of `value` and of what it holds, level by level: one may hold itself."""
    size, level = 0, [value]
    for _ in range(_DEEPEST):
        deeper: list[Any] = []
        for each in level:
            size += sys.getsizeof(each)
            kind = type(each)
            if kind in _PLAIN:
                continue
            if kind is dict or isinstance(each, Mapping):
                deeper += each
                deeper += each.values()
            elif isinstance(each, list | tuple | set | frozenset):
                deeper += each
        if not deeper:
            return size
        level = deeper
    return size + sum(map(sys.getsizeof, level))
