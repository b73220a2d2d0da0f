"""Records as log lines, for a look at what flows by."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Literal

from ekspiper.core import BatchError, Collector, ConfigError

from ._json import json_lines

__all__ = ["Logger"]


class Logger(Collector[Any]):
    """Gives each record, as JSON, to a logger of the standard library.

    Kept means that the logger has taken the record; what its handlers do with it is up to them.
    When the logger is not enabled for the level, records are dropped at no cost.

    Args:
        name: the name of the logger.
        level: the level of each line.

    Raises:
        ConfigError: the level is unknown.
    """

    def __init__(
        self,
        name: str = "ekspiper.records",
        *,
        level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO",
    ) -> None:
        self._logger = logging.getLogger(name)
        levels = logging.getLevelNamesMapping()
        if level not in levels:
            raise ConfigError(f"level is DEBUG, INFO, WARNING, ERROR or CRITICAL, not {level!r}")
        self._level = levels[level]

    async def collect(self, batch: Sequence[Any]) -> None:
        """Log each record of the batch."""
        if not self._logger.isEnabledFor(self._level):
            return
        lines, failures = json_lines(batch)
        for line in lines:
            self._logger.log(self._level, "%s", line[:-1].decode())
        if failures:
            raise BatchError(failures)
