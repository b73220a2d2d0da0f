"""What the explorer raises.

::

    ConfigError
    ├── ExplorerClosed   it was closed; make a new one
    ├── OutOfHistory     ledgers that are in the future, or before the history of the nodes
    ├── TooManyRows      the table has more rows than `max_rows`
    └── UnknownPair      an asset that cannot be read, or a pair that nobody offers
"""

from __future__ import annotations

from ekspiper.core import ConfigError

__all__ = ["ExplorerClosed", "OutOfHistory", "TooManyRows", "UnknownPair"]


class ExplorerClosed(ConfigError):
    """A call on an explorer that was closed."""


class OutOfHistory(ConfigError):
    """Ledgers in the future, or that no node holds."""


class TooManyRows(ConfigError):
    """A table would have more rows than the explorer allows."""


class UnknownPair(ConfigError):
    """An asset, or a pair of assets, that cannot be read or does not exist."""
