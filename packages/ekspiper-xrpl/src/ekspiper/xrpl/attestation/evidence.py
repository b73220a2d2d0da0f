"""What a folder proves by itself: records, archive and headers, without a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ekspiper.xrpl.audit import is_warehouse, read_table
from ekspiper.xrpl.codec import CodecError, LedgerHeader, sha512half
from ekspiper.xrpl.trust import (
    NotProven,
    SignedLedger,
    SkipList,
    TrustError,
    Verdict,
    read_tree_leaves,
    root_hash,
)
from ekspiper.xrpl.trustees import Trustees

from .header_reader import read_headers
from .proof_archive import ARCHIVE_NAME, ArchivedState, read_archive

__all__ = ["HEADERS_NAME", "Anchor", "Evidence", "has_table"]

HEADERS_NAME = "headers.bin"
"""The file with headers of ledgers that are not recorded, beside the records."""

_PREFIX = b"LWR\0"
_PARENT_HASH = slice(12, 44)
_HASHES = ("parent_hash", "transaction_hash", "account_hash")
_NUMBERS = (
    "ledger_index",
    "total_coins",
    "parent_close_time",
    "close_time",
    "close_time_resolution",
    "close_flags",
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A ledger that is proven in itself, from which others follow.

    Attributes:
        ledger_index, ledger_hash: the ledger.
        verdict: who signed it; or who signed the ledger whose state names it.
        state_of: that ledger; None when it is signed itself.
        given: the user says that it is the network's; nobody signed it here.
    """

    ledger_index: int
    ledger_hash: bytes
    verdict: Verdict
    state_of: int | None = None
    given: bool = False

    def __str__(self) -> str:
        if self.given:
            return f"ledger {self.ledger_index} is what you gave"
        if self.state_of is None:
            return str(self.verdict)
        return f"ledger {self.ledger_index} stands in the state of its successor: {self.verdict}"


@dataclass(slots=True)
class Evidence:
    """The ledgers of a folder, and by what each of them is signed.

    Attributes:
        headers: every header that is known, recorded or not.
        recorded: the ledgers that are recorded.
        anchors: the ledgers that are proven in themselves, or by the state of one that is.
        signed: what proves each ledger that is proven.
        ledgers: the signed ledgers of the archive.
        states: the states of which the archive has the skip lists.
        faults: what is wrong, a line each.
    """

    headers: dict[int, bytes] = field(default_factory=dict)
    recorded: dict[int, bytes] = field(default_factory=dict)
    anchors: dict[int, Anchor] = field(default_factory=dict)
    signed: dict[int, Anchor] = field(default_factory=dict)
    ledgers: dict[int, SignedLedger] = field(default_factory=dict)
    states: list[ArchivedState] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        trustees: Trustees,
        *,
        given: Iterable[tuple[int, bytes]] = (),
        records: str | None = None,
    ) -> Evidence:
        """Read everything in a folder, and judge it.

        Args:
            records: where the records of its ledgers are, if not in the folder: the URL of a place
                in an object store.
            given: index and hash of ledgers that the user says are the network's.

        Raises:
            ConfigError: the folder has no records of ledgers, and neither an archive nor a snapshot.
        """
        found = cls()
        # The folder of a snapshot has no records of ledgers, only the archive.
        archive_path = folder / ARCHIVE_NAME
        # With none of these, reading the table says what is missing.
        needs_none = archive_path.exists() or has_table(folder, "objects")
        has_some = records is not None or has_table(folder, "ledgers") or is_warehouse(folder)
        if has_some or not needs_none:
            for ledger_index, data in _recorded(records or folder, found.faults.append):
                found.recorded[ledger_index] = data
        found.headers = {**read_headers(folder / HEADERS_NAME), **found.recorded}
        anchors: dict[int, Anchor] = {}
        if archive_path.exists():
            anchors = found._judge_archive(archive_path, trustees)
        for index, ledger_hash in given:
            # `setdefault`: where the archive has signatures, they say more than the user.
            verdict = Verdict(index, ledger_hash, (), 0, 0, "nobody", {})
            anchors.setdefault(index, Anchor(index, ledger_hash, verdict, given=True))
        found._follow(anchors)
        # Skip lists count only in the state of a ledger that is signed, so they need a first pass.
        if found._add_skip_lists(anchors):
            found._follow(anchors)
        found.anchors = anchors
        found.faults = list(dict.fromkeys(found.faults))
        return found

    def unsigned(self) -> dict[int, str]:
        """The recorded ledgers that nothing proves, and why."""
        return {
            index: self.why_unsigned(index)
            for index in sorted(self.recorded)
            if index not in self.signed
        }

    def runs(self) -> list[tuple[int, int, Anchor]]:
        """The recorded ledgers that are signed: first and last of those with the same anchor."""
        runs: list[tuple[int, int, Anchor]] = []
        for index in sorted(self.recorded):
            anchor = self.signed.get(index)
            if anchor is None:
                continue
            if runs and runs[-1][1] == index - 1 and runs[-1][2] is anchor:
                runs[-1] = (runs[-1][0], index, anchor)
            else:
                runs.append((index, index, anchor))
        return runs

    def _judge_archive(self, path: Path, trustees: Trustees) -> dict[int, Anchor]:
        anchors: dict[int, Anchor] = {}
        trusted = trustees.keys()
        for each in read_archive(path, faults=self.faults.append):
            if not isinstance(each, SignedLedger):
                self.states.append(each)
                continue
            index = each.ledger_index
            try:
                verdict = each.verdict(trusted)
                verdict.require()
            except TrustError as error:
                self.faults.append(f"{path.name}: {error}")
                continue
            held = anchors.get(index)
            # The archive may have a ledger twice: first with a bare quorum, then with all who
            # signed.
            if held is None or len(held.verdict.signers) < len(verdict.signers):
                anchors[index] = Anchor(index, each.ledger_hash, verdict)
                self.ledgers[index] = each
                self.headers.setdefault(index, each.header.to_bytes())
        return anchors

    def _follow(self, anchors: Mapping[int, Anchor]) -> None:
        """Follow the headers from each anchor down."""
        self.signed = {}
        expected: bytes | None = None
        anchor: Anchor | None = None
        before = -1
        for index in sorted(self.headers.keys() | anchors.keys(), reverse=True):
            # A gap: what was signed above does not reach below it.
            if index + 1 != before:
                expected = anchor = None
            before = index
            if index in anchors:
                anchor = anchors[index]
                expected = anchor.ledger_hash
            data = self.headers.get(index)
            if anchor is None or data is None:
                expected = anchor = None
                continue
            if sha512half(_PREFIX + data) != expected:
                if index in self.recorded:
                    self.faults.append(
                        f"ledger {index}: its record hashes to "
                        f"{sha512half(_PREFIX + data).hex().upper()}, but "
                        f"{(expected or b'').hex().upper()} is signed, through {anchor}"
                    )
                expected = anchor = None
                continue
            self.signed[index] = anchor
            expected = data[_PARENT_HASH]

    def _add_skip_lists(self, anchors: dict[int, Anchor]) -> bool:
        """Take the ledgers that are named in the states of signed ledgers."""
        added = False
        for header, tree in self.states:
            index = header.ledger_index
            anchor = self.signed.get(index)
            if anchor is None or self.headers[index] != header.to_bytes():
                self.faults.append(f"the state of ledger {index} is not that of a signed ledger")
                continue
            try:
                if root_hash(tree, "state") != header.account_hash:
                    raise NotProven(f"the state of ledger {index} has another root")
                for leaf in read_tree_leaves(tree):
                    skips = SkipList.from_object(leaf.key, leaf.data)
                    for skipped, ledger_hash in skips.items() if skips else ():
                        if skipped not in anchors:
                            named = Anchor(skipped, ledger_hash, anchor.verdict, index)
                            anchors[skipped] = named
                            added = True
            except TrustError as error:
                self.faults.append(str(error))
        return added

    def why_unsigned(self, index: int) -> str:
        """Why nothing proves a ledger."""
        later = min((each for each in self.ledgers if each >= index), default=None)
        if later is None:
            return "the archive has no signed ledger after it"
        missing = next((each for each in range(index, later) if each not in self.headers), None)
        if missing is not None:
            return f"the header of ledger {missing} is missing, which leads to ledger {later}"
        return f"its header does not lead to ledger {later}, which is signed"


def has_table(folder: Path, records: str) -> bool:
    """Whether a folder has records of a kind, as JSON lines or as a Parquet dataset."""
    return (folder / f"{records}.jsonl").exists() or (folder / records).is_dir()


def _recorded(folder: Path | str, fault: Callable[[str], None]) -> Iterator[tuple[int, bytes]]:
    """The headers in the records of ledgers, as bytes."""
    columns = (*_NUMBERS, *_HASHES, "ledger_hash")
    for record in read_table(folder, "ledgers", columns=columns, damaged=fault):
        try:
            yield int(record["ledger_index"]), _header(record).to_bytes()
        except (KeyError, TypeError, ValueError, OverflowError, CodecError) as error:
            fault(f"ledgers: a record is not one of a ledger: {error}")


def _header(record: Mapping[str, Any]) -> LedgerHeader:
    fields: dict[str, Any] = {name: int(record[name]) for name in _NUMBERS}
    fields.update((name, bytes.fromhex(record[name])) for name in _HASHES)
    return LedgerHeader(**fields)
