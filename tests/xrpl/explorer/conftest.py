"""An explorer of the sample with its own cache."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ekspiper.xrpl import Explorer
from ekspiper.xrpl.ledger import Transaction
from ekspiper.xrpl.replay import Recording, ReplayNode
from ekspiper.xrpl.verify import parse_ledger

if find_spec("pandas") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def explorer_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests share, so that each ledger is fetched once."""
    return tmp_path_factory.mktemp("explorer-cache")


@pytest.fixture
async def xrpl(explorer_cache: Path) -> AsyncIterator[Explorer]:
    async with Explorer("sample", cache=explorer_cache, progress=False) as explorer:
        yield explorer


@pytest.fixture
async def sample_node(sample: Recording) -> AsyncIterator[ReplayNode]:
    """The sample on its own node, to be reached by URL as any other."""
    async with ReplayNode(sample) as node:
        yield node


@pytest.fixture(scope="session")
def recorded(sample: Recording) -> list[Transaction]:
    """Every transaction of the sample, read from the recording itself and not by the explorer."""
    import gzip

    import orjson

    import ekspiper.xrpl.replay as replay

    folder = Path(replay.__file__).parent / "sample"
    transactions: list[Transaction] = []
    with gzip.open(folder / "ledger_v2_binary.jsonl.gz") as file:
        for line in file:
            result = orjson.loads(line)["response"]["result"]
            transactions.extend(parse_ledger(result, network_id=0).transactions)
    return transactions


@pytest.fixture(scope="session")
def tables(explorer_cache: Path) -> dict[str, Any]:
    """The tables of the whole sample by name, each made once; tests do not change them."""
    with Explorer("sample", cache=explorer_cache, progress=False).sync as xrpl:
        names = ("transactions", "ledgers", "payments", "trades", "balance_changes")
        return {name: getattr(xrpl, name)("421:540") for name in names}
