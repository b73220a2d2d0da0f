"""Collectors for ekspiper pipelines. Each is imported from its own module, with its own extra."""

from __future__ import annotations

__all__: list[str] = []
