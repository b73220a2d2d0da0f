"""The one place that imports the packages of the extra `fluent`."""

from __future__ import annotations

from ekspiper.core import MissingExtra

try:
    import msgpack as msgpack
    from fluent.sender import EventTime as EventTime
except ImportError as error:
    raise MissingExtra(
        f"Fluent needs the package {error.name}: pip install 'ekspiper-sinks[fluent]'"
    ) from None

__all__ = ["EventTime", "msgpack"]
