"""How many bytes an item takes in a queue: exact where it is cheap, close to it elsewhere."""

from __future__ import annotations

import marshal
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["Measure"]

# Levels that are walked: enough for any record, and an end for a list that contains itself.
_DEEPEST = 12

# A prime number, so that records that come in turns are all walked now and then.
_WALK_EVERY = 127

# No length has more.
_MOST_BITS = 64

_dumps = marshal.dumps  # a global name is found faster than one in a module

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
        # By length, within a factor of two: small and large records are made differently, and a
        # byte of long text stands for less memory than one of many small numbers.
        self._samples = [_Sample() for _ in range(_MOST_BITS)]

    def __call__(self, item: Any) -> int:
        """The size of `item`, in bytes."""
        kind = type(item)
        if kind in _CONTAINERS:
            try:
                length = len(_dumps(item))
            except ValueError:  # it holds what is not plain, such as a Decimal
                return _walk(item)
            # In line, as queues call this for every record.
            sample = self._samples[length.bit_length()]
            sample.left -= 1
            if sample.left > 0:
                return int(length * sample.ratio)
            return sample.walk(item, length)
        if kind is bytes or kind is str:
            return len(item)
        nbytes = getattr(item, "nbytes", None)
        return nbytes if isinstance(nbytes, int) else _walk(item)


class _Sample:
    """What was walked among the containers of about one length."""

    __slots__ = ("left", "marshalled", "ratio", "walked")

    def __init__(self) -> None:
        self.left = self.walked = self.marshalled = 0
        self.ratio = 0.0

    def walk(self, item: Any, length: int) -> int:
        """The size of a container, which stands for the next ones of about its length."""
        size = _walk(item)
        self.walked += size
        self.marshalled += length
        self.ratio = self.walked / self.marshalled
        self.left = _WALK_EVERY
        return size


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
