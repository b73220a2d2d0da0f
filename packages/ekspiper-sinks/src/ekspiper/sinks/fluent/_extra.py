"""The packages of the extra `fluent`, imported in one place."""

from __future__ import annotations

from .._checks import missing_extra

try:
    import msgpack as msgpack
    from fluent.sender import EventTime as EventTime
except ImportError as error:
    raise missing_extra("Fluent", error, extra="fluent") from None

__all__ = ["EventTime", "msgpack"]
