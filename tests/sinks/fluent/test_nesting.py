"""Fluent Bit drops records that are nested too deep, and what follows them: they are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekspiper.core import Permanent
from ekspiper.sinks.fluent import Fluent
from ekspiper.sinks.fluent._entry import is_deep


def nested(levels: int, *, by_lists: bool = False) -> dict[str, Any]:
    """A record of so many levels, itself the first."""
    inner: Any = "end"
    for _ in range(levels - 1):
        inner = [inner] if by_lists else {"a": inner}
    return {"wide": [{}] * 100, "x": inner}


@pytest.mark.parametrize("by_lists", [False, True])
def test_the_deepest_record_that_is_sent(by_lists: bool) -> None:
    sink = Fluent("t")
    sink.encode(nested(59, by_lists=by_lists))
    with pytest.raises(Permanent, match="nested 60 levels deep or more, which Fluent Bit would"):
        sink.encode(nested(60, by_lists=by_lists))


def depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    member = st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=1), inner, max_size=2)
    return st.builds(_wrapped, member, st.integers(0, 40))


def _wrapped(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@given(st.recursive(st.integers(0, 9) | st.just({}), _grow, max_leaves=8))
def test_the_depth_is_that_of_the_deepest_member(value: Any) -> None:
    record = {"x": value}
    assert is_deep(record) == (depth(record) >= 60)
    if depth(record) < 60:
        Fluent("t").encode(record)
    else:
        with pytest.raises(Permanent):
            Fluent("t").encode(record)
