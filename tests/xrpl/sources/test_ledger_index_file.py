from __future__ import annotations

from pathlib import Path

import pytest

from ekspiper.core import ConfigError
from ekspiper.xrpl.sources import LedgerIndexFile, LedgerRef

HASH = "92B7E6C3D631EB0B8718E638CE1005861F8BA9CDDBC9616774DA4F6686AE863C"


async def test_indexes_and_hashes(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(f"# ours\n302\n\n{HASH.lower()}  # by hash\n7\n")
    source = LedgerIndexFile(path)
    await source.open()
    assert [ref async for ref in source] == [LedgerRef(302), LedgerRef(0, HASH), LedgerRef(7)]
    assert source.position == 5
    again = LedgerIndexFile(path)
    await again.resume(2)
    assert [ref.ledger_index async for ref in again] == [0, 7]


@pytest.mark.parametrize("line", ["-3", "x", "0", "4294967296", "3:5", HASH[1:]])
async def test_bad_line_is_named_before_anything_is_read(tmp_path: Path, line: str) -> None:
    path = tmp_path / "list"
    path.write_text(f"302\n{line}\n")
    with pytest.raises(ConfigError, match=r"line 2: .* neither the index nor the hash"):
        await LedgerIndexFile(path).open()


async def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the list of ledgers"):
        await LedgerIndexFile(tmp_path / "none").open()
