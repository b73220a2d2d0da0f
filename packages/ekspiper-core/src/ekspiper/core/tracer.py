"""Spans around the calls of processors and collectors, for OpenTelemetry or anything like it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from .errors import MissingExtra

__all__ = ["NoTracer", "OpenTelemetryTracer", "Tracer"]


class Tracer(Protocol):
    """Opens a span around each call."""

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """A span named `name`, for example `process` or `collect`; the runner enters and leaves it."""
        ...


class NoTracer:
    """Opens no spans: the default."""

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """A context that does nothing."""
        return nullcontext()


class OpenTelemetryTracer:
    """Spans of OpenTelemetry, whose SDK the application sets up.

    Raises:
        MissingExtra: opentelemetry-api is not installed.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise MissingExtra(
                "tracing needs opentelemetry-api: pip install 'ekspiper-core[tracing]'"
            ) from error
        self._tracer = trace.get_tracer("ekspiper")

    def span(self, name: str, **attributes: Any) -> AbstractContextManager[Any]:
        """A span with the attributes `ekspiper.<key>`; an exception marks it as failed."""
        named = {f"ekspiper.{key}": value for key, value in attributes.items() if value is not None}
        return self._tracer.start_as_current_span(f"ekspiper.{name}", attributes=named)
