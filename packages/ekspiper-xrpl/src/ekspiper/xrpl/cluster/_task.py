"""What all tasks of workers have in common: their nodes, their files, and how errors come back."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from ekspiper.core import ConfigError, Delivery, registry
from ekspiper.xrpl.codec import Definitions
from ekspiper.xrpl.open_network import OpenNetwork, open_network
from ekspiper.xrpl.schema import schema_for

__all__ = ["file_of", "garbage_collected_rarely", "opened_by_worker", "reason_of"]

# As in the command: with the usual 700, a sixth of all time goes into looking for cycles.
_NEW_OBJECTS = 50_000


def reason_of(error: BaseException) -> str:
    """The error in one line, with its cause where it has one."""
    # It travels from the worker, and stands in a report beside the chunk: one line says enough.
    text = next(iter(str(error).splitlines()), type(error).__name__)
    cause = error.__cause__
    return text if cause is None or str(cause) in text else f"{text}: {cause}"


@contextmanager
def garbage_collected_rarely() -> Iterator[None]:
    """For as long as a chunk takes: the worker may be somebody else's, with other work to do."""
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], _NEW_OBJECTS), *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@asynccontextmanager
async def opened_by_worker(
    network: str,
    network_id: int | None,
    definitions: Definitions | None,
    pool: Mapping[str, Any],
) -> AsyncIterator[OpenNetwork]:
    """The network, opened by a worker for one task.

    Args:
        network: a name or URLs, as on the command line.
        network_id: of the network that all nodes must belong to.
        definitions: to read it by, the same for all workers.
        pool: arguments of `NodePool`.

    Raises:
        ConfigError: the worker's nodes are of another network.
    """
    async with open_network(network, definitions=definitions, **pool) as opened:
        # A worker finds nodes by the URLs of somebody else's configuration: a test network would
        # fit in silently.
        if opened.pool.network_id != network_id:
            raise ConfigError(
                f"the nodes of this worker are of network {opened.pool.network_id}, those of the "
                f"others of {network_id}"
            )
        yield opened


def file_of(folder: Path, records: str, format: str) -> Delivery:
    """Writes records of a kind to one file of a collector's format."""
    one_file = registry.load("collectors", format).one_file
    schema = schema_for(one_file, records)
    return Delivery(one_file(folder / f"{records}.parquet", schema=schema), name="files")
