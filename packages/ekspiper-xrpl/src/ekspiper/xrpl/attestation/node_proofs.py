"""Writes portable proofs of what nodes serve, signed by the validators that are heard now."""

from __future__ import annotations

from ekspiper.xrpl.client import NodePool, RequestError
from ekspiper.xrpl.codec import Decoder, LedgerHeader
from ekspiper.xrpl.trust import NotProven, Step, read_header, write_xpop, write_xprv
from ekspiper.xrpl.verify import parse_ledger

from .folder_proofs import LedgerTransactions
from .notary import Notary

__all__ = ["NodeProofs"]

# Ledgers between a transaction and the newest: each has a header in the proof.
_FARTHEST = 20_000


class NodeProofs:
    """Proofs of transactions that nodes serve.

    Args:
        pool: open nodes.
        notary: hears their validations.
    """

    def __init__(self, pool: NodePool, notary: Notary) -> None:
        self._pool = pool
        self._notary = notary

    async def transaction(self, key: bytes, *, format: str = "xprv") -> bytes:
        """The proof of a transaction, by the next ledger that is signed.

        Args:
            key: its hash.
            format: `xprv`; or `xpop`, for a transaction of the newest ledger.

        Raises:
            NotProven: no node has it, or it is too long ago.
        """
        index = await self._ledger_of(key)
        signed = await self._notary.newest(after=index - 1)
        if signed.ledger_index - index > _FARTHEST:
            raise NotProven(
                f"the transaction is of ledger {index}, {signed.ledger_index - index:,} ledgers "
                f"ago, and a proof has at most {_FARTHEST:,} headers: prove it from a folder "
                "whose archive has a signed ledger nearer to it (--in DIR)"
            )
        steps: list[Step] = []
        walk = self._notary.chain.headers.walk(signed.ledger_index, signed.ledger_hash, index)
        async for header in walk:
            steps.append(read_header(header.data))
        step, leaf = (await self._ledger(index)).steps(key)
        if format == "xpop":
            # Nodes do not keep validations: a past ledger can only be reached by headers, and XPOP
            # has none.
            if signed.ledger_index != index:
                raise NotProven(
                    f"an XPOP needs the signatures of ledger {index} itself, which are gone: "
                    "write an XPRV"
                )
            assert not isinstance(step, LedgerHeader)
            return write_xpop(signed, step[1], leaf)
        decoder = Decoder(self._pool.definitions, shape="server")
        network_id = self._pool.network_id or 0
        return write_xprv(signed, [*steps, step], network_id=network_id, decoder=decoder)

    async def _ledger_of(self, key: bytes) -> int:
        request = {"command": "tx", "transaction": key.hex().upper(), "binary": True}
        try:
            result = await self._pool.request(request)
        except RequestError as error:
            raise NotProven(f"no node has the transaction {key.hex().upper()}: {error}") from None
        index = result.get("ledger_index")
        if not isinstance(index, int) or result.get("validated") is not True:
            raise NotProven(f"the transaction {key.hex().upper()} is in no validated ledger yet")
        return index

    async def _ledger(self, index: int) -> LedgerTransactions:
        request = {
            "command": "ledger",
            "ledger_index": index,
            "transactions": True,
            "expand": True,
            "binary": True,
        }
        ledger = parse_ledger(await self._pool.request(request), ledger_index=index)
        blobs = [(each.tx_blob, each.meta_blob) for each in ledger.transactions]
        return LedgerTransactions(ledger.header, blobs)
