"""From a server's answer to a ledger that is proven: every byte of it hashes to its `ledger_hash`.

Reading an answer (`parse_ledger`) and proving it (`verify_ledger`) are two steps: the first refuses
what is not a whole validated ledger, the second what was altered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ekspiper.core import Permanent
from ekspiper.xrpl.codec import (
    CodecError,
    Decoder,
    LedgerHeader,
    TransactionBlobs,
    transaction_id,
    transaction_index,
    transaction_tree_root,
)

from .ledger import Ledger, LedgerInfo, Transaction

__all__ = ["ONLY_HASHED", "IncompleteLedger", "VerificationError", "parse_ledger", "verify_ledger"]


ONLY_HASHED = (
    "Only hashes were checked: that these are the network's ledgers is what the nodes say."
)
"""What commands say at their end where no signatures prove what they read."""


class IncompleteLedger(Permanent):
    """An answer that is not the whole validated ledger that was asked for."""


class VerificationError(Permanent):
    """A ledger whose bytes are not what its hashes say.

    Attributes:
        ledger_index: of the ledger.
        differences: everything that differs, one sentence each.
    """

    def __init__(self, ledger_index: int, differences: list[str]) -> None:
        super().__init__(f"ledger {ledger_index} is not proven: {'; '.join(differences)}")
        self.ledger_index = ledger_index
        self.differences = differences


# A plain dict first: to ask an abstract class costs ten times as much.
_MAPPINGS = (dict, Mapping)


@cache
def _record_decoder() -> Decoder:
    return Decoder(shape="record")


def parse_ledger(
    result: Mapping[str, Any],
    *,
    ledger_index: int | None = None,
    ledger_hash: str | None = None,
    network_id: int | None = None,
    require_validated: bool = True,
    decoder: Decoder | None = None,
) -> Ledger:
    """The ledger in the `result` of `ledger` with `transactions`, `expand` and `binary`.

    Both api_version 2 (`meta_blob`, `hash`) and 1 (`meta`, no hash) are read; transactions may be
    `TransactionBlobs`, too. The server's `ledger_hash` is kept as it is; where the answer has none,
    `ledger_hash` must be given.

    Args:
        ledger_index: what was asked for; the answer must be that ledger.
        ledger_hash: the hash that was asked for; the answer must have it.
        network_id: of the network that the node is in, kept with the ledger.
        require_validated: refuse an answer that does not say `"validated": true`.
        decoder: decodes transactions when they are read; one of the shape `"record"` without it.

    Raises:
        IncompleteLedger: the answer is not validated, is another ledger, or lacks something.
        CodecError: its bytes cannot be read.
    """
    ledger = _member(result, "ledger", _MAPPINGS, "the answer")
    if require_validated and result.get("validated") is not True:
        which = "the ledger" if ledger_index is None else f"ledger {ledger_index}"
        raise IncompleteLedger(f"{which} is not validated; ask again later, or another node")
    header = LedgerHeader.from_bytes(_bytes(ledger, "ledger_data", "the answer"))
    where = f"ledger {header.ledger_index}"
    # Servers have answered for the newest ledger where they lacked the one that was asked for.
    for asked in (ledger_index, result.get("ledger_index")):
        if asked is not None and str(asked) != str(header.ledger_index):
            raise IncompleteLedger(f"{where} was answered where ledger {asked} was asked for")
    info = LedgerInfo(
        header,
        ledger_hash=_ledger_hash(result, ledger, ledger_hash, where),
        network_id=network_id,
    )
    rows = ledger.get("transactions")
    if not isinstance(rows, TransactionBlobs):
        rows = _member(ledger, "transactions", list, where)
    # A server that has lost the transactions still has the header: it must not pass for an empty ledger.
    if not rows and any(header.transaction_hash):
        raise IncompleteLedger(
            f"{where}: the answer has no transactions, but the header says that there are some"
        )
    using = decoder or _record_decoder()
    blobs = rows if isinstance(rows, TransactionBlobs) else TransactionBlobs.of_rows(rows)
    if blobs is not None:
        return Ledger.of_blobs(
            header,
            ledger_hash=info.ledger_hash,
            blobs=blobs,
            decoder=using,
            network_id=network_id,
        )
    return Ledger(
        header,
        ledger_hash=info.ledger_hash,
        transactions=[_transaction(row, at, info, using) for at, row in enumerate(rows)],
        network_id=network_id,
    )


def verify_ledger(
    ledger: Ledger, *, expected_hash: str | None = None, parent_hash: str | None = None
) -> None:
    """Prove a ledger: header, parent, and the tree over all its transactions.

    Args:
        expected_hash: the ledger's hash as known from elsewhere (the stream, the next ledger).
        parent_hash: the hash of the ledger before it.

    Raises:
        VerificationError: something differs; its message lists everything that does.
    """
    differences = list(_differences(ledger, expected_hash, parent_hash))
    if differences:
        raise VerificationError(ledger.ledger_index, differences)


def _differences(
    ledger: Ledger, expected_hash: str | None, parent_hash: str | None
) -> Iterator[str]:
    header = ledger.header
    computed = header.ledger_hash.hex().upper()
    # All differences are collected, as together they tell a damaged answer from another ledger.
    if computed != ledger.ledger_hash:
        yield f"its header hashes to {computed}, not to its ledger_hash {ledger.ledger_hash}"
    if expected_hash is not None and computed != expected_hash.upper():
        yield f"its header hashes to {computed}, but {expected_hash.upper()} is expected"
    if parent_hash is not None and ledger.parent_hash != parent_hash.upper():
        yield (
            f"its parent_hash is {ledger.parent_hash}, "
            f"but the ledger before it is {parent_hash.upper()}"
        )
    yield from _transaction_differences(ledger)


def _transaction_differences(ledger: Ledger) -> Iterator[str]:
    # The compiled proof says yes or nothing: what differs is found out one by one.
    if ledger.blobs is not None and ledger.blobs.root() == ledger.header.transaction_hash:
        return
    leaves: dict[bytes, tuple[bytes, bytes, bytes]] = {}
    for transaction in ledger.transactions:
        key = transaction_id(transaction.tx_blob)
        if key.hex() != transaction.hash.lower():
            yield f"transaction {transaction.hash} hashes to {key.hex().upper()}"
        # A tree has a key once, so the second copy would not change the root.
        if key in leaves:
            yield f"transaction {key.hex().upper()} is there twice"
        leaves[key] = (key, transaction.tx_blob, transaction.meta_blob)
    root = transaction_tree_root(leaves.values())
    if root != ledger.header.transaction_hash:
        yield (
            f"its {len(ledger.transactions)} transactions hash to {root.hex().upper()}, "
            f"not to its transaction_hash {ledger.header.transaction_hash.hex().upper()}"
        )


def _ledger_hash(
    result: Mapping[str, Any], ledger: Mapping[str, Any], asked: str | None, where: str
) -> str:
    answered = result.get("ledger_hash") or ledger.get("ledger_hash") or asked
    if not isinstance(answered, str):
        raise IncompleteLedger(f"{where}: the answer has no ledger_hash, so nothing proves it")
    if asked is not None and answered.upper() != asked.upper():
        raise IncompleteLedger(f"{where}: hash {answered} was answered where {asked} was asked for")
    return answered.upper()


def _transaction(row: Any, at: int, ledger: LedgerInfo, decoder: Decoder) -> Transaction:
    if not isinstance(row, Mapping):
        raise IncompleteLedger(
            f"{_place(ledger, at)} is not expanded: ask with transactions, expand and binary"
        )
    try:
        tx_blob = bytes.fromhex(row["tx_blob"])
        meta_blob = bytes.fromhex(row["meta_blob"] if "meta_blob" in row else row["meta"])
        index = transaction_index(meta_blob)
        # api_version 1 gives none in binary: what it would be is in the bytes.
        hash = row["hash"].upper() if "hash" in row else transaction_id(tx_blob).hex().upper()
    except KeyError as error:
        raise IncompleteLedger(f"{_place(ledger, at)} has no {error}") from error
    except (TypeError, AttributeError, ValueError) as error:
        raise CodecError(f"{_place(ledger, at)} is not in hex: {error}") from error
    except CodecError as error:
        raise CodecError(f"{_place(ledger, at)}: {error}") from error
    return Transaction(
        tx_blob=tx_blob,
        meta_blob=meta_blob,
        hash=hash,
        index=index,
        ledger=ledger,
        decoder=decoder,
    )


def _place(ledger: LedgerInfo, at: int) -> str:
    return f"ledger {ledger.ledger_index}, transaction {at} of the answer"


def _member(holder: Mapping[str, Any], key: str, kind: type | tuple[type, ...], where: str) -> Any:
    value = holder.get(key)
    if not isinstance(value, kind):
        found = "is missing" if value is None else f"is a {type(value).__name__}"
        raise IncompleteLedger(f"{where}: {key} {found}; ask with transactions, expand and binary")
    return value


def _bytes(holder: Mapping[str, Any], key: str, where: str) -> bytes:
    value = _member(holder, key, str, where)
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise CodecError(f"{where}: {key} is not hex: {error}") from error
