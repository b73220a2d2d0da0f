"""Writes portable proofs of what a folder holds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ekspiper.xrpl.audit import encode_record, read_table
from ekspiper.xrpl.codec import (
    CodecError,
    Decoder,
    Definitions,
    Encoder,
    LedgerHeader,
    transaction_id,
)
from ekspiper.xrpl.trust import (
    Leaf,
    Node,
    NotProven,
    SignedLedger,
    SkipList,
    StatePruner,
    Step,
    TrustError,
    join_transaction,
    prune,
    read_tree_leaves,
    root_hash,
    trim,
    write_xpop,
    write_xprv,
)
from ekspiper.xrpl.trustees import Trustees

from .evidence import Anchor, Evidence, has_table

__all__ = ["FolderProofs", "LedgerTransactions"]

# What the pipeline adds to the fields of an object; the last is derived from an issuance.
_ADDED = ("index", "ledger_index", "ledger_hash", "_unrecognized", "mpt_issuance_id")


class LedgerTransactions:
    """The transactions of one ledger, from which proofs of each are made.

    Args:
        header: of the ledger.
        blobs: every transaction and its metadata.

    Raises:
        NotProven: they are not the transactions of that ledger.
    """

    def __init__(self, header: LedgerHeader, blobs: list[tuple[bytes, bytes]]) -> None:
        self.header = header
        leaves = [Leaf(transaction_id(tx), join_transaction(tx, meta)) for tx, meta in blobs]
        self._leaves = {leaf.key: leaf for leaf in leaves}
        self._hashes = sorted((leaf.key, leaf.hash("tx")) for leaf in leaves)

    def steps(self, key: bytes) -> tuple[Step, Leaf]:
        """The pruned tree with one transaction, and the transaction.

        Raises:
            NotProven: the ledger has no such transaction, or others than these.
        """
        leaf = self._leaves.get(key)
        if leaf is None:
            raise NotProven(
                f"ledger {self.header.ledger_index} has no transaction {key.hex().upper()}"
            )
        tree = prune(self._hashes, leaf)
        if root_hash(tree, "tx") != self.header.transaction_hash:
            raise NotProven(
                f"the transactions of ledger {self.header.ledger_index} do not hash to its "
                "transaction_hash: `ekspiper verify --deep` says what is wrong"
            )
        return ("tx", tree), leaf


class FolderProofs:
    """Proofs of transactions and objects that a folder holds.

    Args:
        folder: with records of ledgers and transactions, or of objects.
        evidence: by what its ledgers are signed.
        trustees: whose signatures count; their network is the one that proofs name.
        definitions: to read the records by; the bundled ones without it.
    """

    def __init__(
        self,
        folder: Path,
        evidence: Evidence,
        trustees: Trustees,
        *,
        definitions: Definitions | None = None,
    ) -> None:
        self._folder = folder
        self._evidence = evidence
        self._trustees = trustees
        self._encoder = Encoder(definitions)
        self._decoder = Decoder(definitions, shape="server")

    def prove(self, key: bytes, *, format: str = "xprv") -> bytes:
        """The proof of whatever the folder holds under a key: a transaction, or an object.

        Raises:
            NotProven: it holds neither, or nothing proves its ledger.
            ConfigError: the folder has no records of ledgers.
        """
        if has_table(self._folder, "objects"):
            return self.object(key)
        return self.transaction(key, format=format)

    def transaction(self, key: bytes, *, format: str = "xprv") -> bytes:
        """The proof of a transaction.

        Args:
            key: its hash.
            format: `xprv`; or `xpop`, for a ledger that is in the archive itself.

        Raises:
            NotProven: the folder does not have it, or nothing proves its ledger.
        """
        found = self._transactions_with(key)
        header = found.header
        step, leaf = found.steps(key)
        if format == "xpop":
            signed = self._evidence.ledgers.get(header.ledger_index)
            if signed is None:
                raise NotProven(
                    f"an XPOP needs the signatures of ledger {header.ledger_index} itself, which "
                    "the archive does not have: write an XPRV, or keep the proof of each ledger"
                )
            assert not isinstance(step, LedgerHeader)
            return write_xpop(signed, step[1], leaf)
        return self._xprv(header, step)

    def object(self, key: bytes) -> bytes:
        """The proof of an object of the snapshot in the folder.

        Args:
            key: its index.

        Raises:
            NotProven: the folder does not have it, or nothing proves its ledger.
        """
        pruner = StatePruner([key])
        entries = sorted(_objects_of(self._folder, self._encoder))
        header = self._snapshot_header()
        for index, data in entries:
            pruner.add(index, data)
        tree = pruner.tree()
        if not any(index == key for index, _ in entries):
            raise NotProven(f"the snapshot has no object {key.hex().upper()}")
        if root_hash(tree, "state") != header.account_hash:
            raise NotProven(
                "the objects in the folder are not the whole state: take a snapshot without --type"
            )
        return self._xprv(header, ("state", tree))

    def _xprv(self, header: LedgerHeader, step: Step) -> bytes:
        """The first proof that the format can hold, by the signed ledgers that come next."""
        problem: TrustError | None = None
        for lead in self._leads(header.ledger_index):
            try:
                signed, steps = lead
                return write_xprv(
                    signed,
                    [*steps, step],
                    network_id=self._network_of(signed),
                    decoder=self._decoder,
                )
            except TrustError as error:
                problem = error  # a rotated key, for which the format has no place
        raise problem or NotProven(self._evidence.why_unsigned(header.ledger_index))

    def _leads(self, index: int) -> Iterator[tuple[SignedLedger, list[Step]]]:
        """The ways from signed ledgers to another: by headers alone, then by skip lists."""
        evidence = self._evidence
        for later in sorted(each for each in evidence.ledgers if each >= index):
            headers = self._headers(later, index)
            if not headers:
                break  # those further away have the same gap
            yield evidence.ledgers[later], headers
        anchor = evidence.signed.get(index)
        if anchor is None or anchor.state_of is None:
            return
        for header, tree in evidence.states:
            skipping = self._skipping(tree, anchor)
            for later in sorted(each for each in evidence.ledgers if each >= header.ledger_index):
                headers = self._headers(later, header.ledger_index)
                if skipping is None or not headers:
                    break
                rest = self._headers(anchor.ledger_index, index)
                yield evidence.ledgers[later], [*headers, ("state", skipping), *rest]

    def _skipping(self, tree: Node, anchor: Anchor) -> Node | None:
        """The state with the skip list that names a ledger; None where none does."""
        for leaf in read_tree_leaves(tree):
            skips = SkipList.from_object(leaf.key, leaf.data)
            if skips is not None and skips.hash_of(anchor.ledger_index) == anchor.ledger_hash:
                return trim(tree, "state", {leaf.key})
        return None

    def _headers(self, first: int, last: int) -> list[Step]:
        """The headers from a ledger down to an earlier one; none where one is missing."""
        held = self._evidence.headers
        indexes = range(first, last - 1, -1)
        if not all(index in held and index in self._evidence.signed for index in indexes):
            return []
        return [LedgerHeader.from_bytes(held[index]) for index in indexes]

    def _transactions_with(self, key: bytes) -> LedgerTransactions:
        name = key.hex().upper()
        faults: list[str] = []
        records = read_table(self._folder, "transactions", damaged=faults.append)
        for index, group in groupby(records, key=lambda record: record.get("ledger_index")):
            rows = list(group)
            if not any(record.get("hash") == name for record in rows):
                continue
            data = self._evidence.recorded.get(index) if isinstance(index, int) else None
            if data is None:
                raise NotProven(f"transaction {name} is of ledger {index}, which has no record")
            try:
                blobs = [encode_record(record, self._encoder) for record in rows]
            except CodecError as error:
                raise NotProven(
                    f"a transaction of ledger {index} cannot be encoded: {error}"
                ) from None
            return LedgerTransactions(LedgerHeader.from_bytes(data), blobs)
        raise NotProven(f"{self._folder} has no transaction {name}")

    @staticmethod
    def of_snapshot(
        folder: Path | str, definitions: Definitions | None = None
    ) -> tuple[int, list[tuple[bytes, bytes]]]:
        """The ledger of a snapshot, and index and bytes of each of its objects.

        Args:
            folder: of the snapshot; or the URL of its place in an object store.

        Raises:
            ConfigError: the folder has no snapshot.
            NotProven: a record cannot be read.
        """
        return _ledger_of(folder), list(_objects_of(folder, Encoder(definitions)))

    def _network_of(self, signed: SignedLedger) -> int:
        source = signed.validator_list
        known = self._trustees.keys().get(source.publisher) if source is not None else None
        return known or 0

    def _snapshot_header(self) -> LedgerHeader:
        data = self._evidence.headers.get(_ledger_of(self._folder))
        if data is None:
            raise NotProven(
                "nothing proves the ledger of this snapshot: `ekspiper anchor --snapshot DIR` adds "
                "the signatures while nodes still serve its header"
            )
        return LedgerHeader.from_bytes(data)


def _ledger_of(place: Path | str) -> int:
    """The ledger whose objects a folder holds, or a place in an object store."""
    for record in read_table(place, "objects", damaged=lambda fault: None):
        return int(record["ledger_index"])
    raise NotProven(f"{place} has no objects")


def _objects_of(place: Path | str, encoder: Encoder) -> Iterator[tuple[bytes, bytes]]:
    """Index and bytes of each of them."""
    faults: list[str] = []
    for record in read_table(place, "objects", damaged=faults.append):
        fields = {name: value for name, value in record.items() if name not in _ADDED}
        try:
            data = encoder.encode(fields)
        except CodecError as error:
            raise NotProven(f"object {record.get('index')} cannot be encoded: {error}") from None
        yield bytes.fromhex(record["index"]), data
    if faults:
        raise NotProven(faults[0])
