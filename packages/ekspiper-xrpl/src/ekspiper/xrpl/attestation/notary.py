"""Says which ledgers are signed, while they close: what nodes say counts for nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from ekspiper.core import Component, EkspiperError, Retryable
from ekspiper.xrpl.client import LedgerUnavailable
from ekspiper.xrpl.trust import Manifest, SignedLedger, TrustError, ValidatorSet, Verdict
from ekspiper.xrpl.trustees import Trustees

from ._proof_keeper import FULLER_AFTER, ProofKeeper
from ._signing_watch import SigningWatch
from ._tallies import Tallies
from .header_reader import HeaderPool, HeaderReader
from .list_store import ListStore
from .proof_archive import ProofArchive
from .proven_chain import ProvenChain, ProvenHash

__all__ = ["Notary", "NotaryPool"]

log = logging.getLogger("ekspiper.xrpl.attestation")

_STREAMS = ("validations", "manifests")
# Questions for manifests at a time: strangers can invent keys without end.
_ASKED = 1024
_REFRESH = 3600.0  # seconds between two looks for a newer list, when one is held
_RETRY = 15.0  # and when none is
# Ledgers behind the one that is read: those that are read side by side are fewer apart.
_KEPT_BEHIND = 512
# Silence is not an event that can be waited for: seconds between two looks for it.
_LOOK_AGAIN = 0.5
_LAST_PROOF = 5.0  # seconds that the end of the daemon may take for the proof of its last ledger
_GIVEN = b""  # stands for the validators that are named without a publisher


class NotaryPool(HeaderPool, Protocol):
    """What is needed of a pool of nodes."""

    def subscribe(self, streams: Sequence[str], *, drop_oldest: bool) -> Any:
        """Messages of streams."""

    async def request(self, request: Any) -> dict[str, Any]:
        """Send a request."""

    def closed_ledger(self, index: int) -> dict[str, Any] | None:
        """What the nodes say of a ledger that closed."""


class Notary(Component):
    """Listens to validators through the nodes, and proves ledgers by their signatures.

    A ledger is proven by its own quorum, or through `parent_hash` by a later one that has a quorum.
    Where neither comes, `proven` waits: it never falls back to what a node says.

    Args:
        pool: open nodes; the validations of any of them count.
        trustees: whose signatures count.
        lists: the lists of the publishers among them.
        archive: keeps the proof of one ledger in 256; None: no proofs are kept.
        each: keep the proof of every ledger instead.
        headers: reads headers of earlier ledgers.
        patience: seconds without a new signed ledger after which something is wrong.
    """

    def __init__(
        self,
        pool: NotaryPool,
        trustees: Trustees,
        lists: ListStore,
        *,
        archive: ProofArchive | None = None,
        each: bool = False,
        headers: HeaderReader | None = None,
        patience: float = 30.0,
    ) -> None:
        self._pool = pool
        self._trustees = trustees
        self._lists = lists
        self._watch = SigningWatch(lists, patience=patience)
        self._tallies = Tallies(self._watch.counts, signed=self._sign, unknown=self._ask)
        reader = headers or HeaderReader(pool)
        self.chain = ProvenChain(reader)
        self._keeper = ProofKeeper(
            archive,
            each=each,
            headers=reader,
            trustees=trustees,
            tallies=self._tallies.values,
        )
        self._asked: set[str] = set()
        self._changed = asyncio.Event()
        self._listed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.observers: list[Callable[[Verdict, float], None]] = []
        """Called with each verdict, and the seconds from the first validation to the quorum."""

    # Life.

    async def open(self) -> None:
        """Read the cached lists, and begin to listen."""
        # Opened twice, it would hear everything twice.
        if self._tasks:
            return
        self._watch.moved()
        self._lists.load()
        self._reload()
        for work in (self._keep_lists(), self._listen(), self._watch.watch(self._tallies.by_list)):
            self._spawn(work)

    async def close(self) -> None:
        """Stop listening; the proof of the newest ledger is kept, as it proves those before it."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def keep_last(self, ledger_index: int) -> None:
        """Keep the proof of the last ledger that was recorded, so that all have one."""
        proven = self.chain.get(ledger_index)
        if proven is not None and proven.signed_by != ledger_index:
            proven = self.chain.get(proven.signed_by)
        if proven is not None:
            # Without a node its header cannot be had, and the daemon must end all the same.
            with suppress(EkspiperError, TimeoutError):
                async with asyncio.timeout(_LAST_PROOF):
                    await self._keeper.keep(proven, anyway=True)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the proof of ledgers by signatures has failed: %r", error, exc_info=error)

    # What is proven.

    async def proven(self, ledger_index: int) -> ProvenHash:
        """The hash of a ledger that is proven; waits until it is."""
        while True:
            self._changed.clear()
            found = self.chain.get(ledger_index)
            try:
                if found is None and self.chain.after(ledger_index) is not None:
                    found = await self.chain.walk_down(ledger_index)
                if found is not None:
                    await self._keeper.keep(found)
                    # Seldom, as it looks at all of them.
                    if len(self.chain) > 4 * _KEPT_BEHIND:
                        self.chain.forget_before(ledger_index - _KEPT_BEHIND)
                    return found
            except Retryable as error:
                self._watch.say(str(error))
                await asyncio.sleep(1.0)
                continue
            await self._changed.wait()

    async def try_to_prove(self, ledger_index: int, *, ahead: int) -> ProvenHash | None:
        """The same, but None when there is a problem and no later ledger is proven.

        Args:
            ahead: a lower ledger; headers are read down to it where any are needed.
        """
        while True:
            self._changed.clear()
            found = self.chain.get(ledger_index)
            if found is not None:
                await self._keeper.keep(found)
                return found
            if self.chain.after(ledger_index) is not None:
                try:
                    await self.chain.walk_down(min(ahead, ledger_index))
                except (Retryable, LedgerUnavailable) as error:
                    if ahead < ledger_index:  # nodes may lack only what is further down
                        ahead = ledger_index
                        continue
                    self._watch.say(str(error))
                    return self.chain.get(ledger_index)
                continue
            if self.problem():
                return None
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _LOOK_AGAIN)

    async def newest(self, *, after: int = 0) -> SignedLedger:
        """A ledger after another that has its own quorum, as soon as there is one."""
        while True:
            self._changed.clear()
            index = self._watch.newest_signed
            proven = self.chain.get(index) if index > after else None
            signed = await self._keeper.signed(proven) if proven is not None else None
            if signed is not None:
                return signed
            await self._changed.wait()

    async def signed_ledger(self, ledger_index: int) -> SignedLedger | None:
        """A ledger that has its own quorum, with what proves it; None where it has none."""
        proven = self.chain.get(ledger_index)
        if proven is None or proven.signed_by != ledger_index:
            return None
        return await self._keeper.signed(proven)

    @property
    def newest_signed(self) -> int:
        """The newest ledger that has a quorum; 0 before the first."""
        return self._watch.newest_signed

    @property
    def counts(self) -> Counter[str]:
        """Validations by what became of them: `counted`, or the reason why not."""
        return self._watch.counts

    def problem(self) -> str:
        """Why nothing can be recorded, in words that say what to do; empty when all is well."""
        return self._watch.problem(self._tallies.values())

    # What is heard.

    async def _listen(self) -> None:
        await self._listed.wait()  # without a list nothing that is heard can be counted
        while True:
            try:
                # The oldest are dropped if this falls behind: newer validations prove older
                # ledgers as well, and a full queue must not hold up the pool.
                async with self._pool.subscribe(_STREAMS, drop_oldest=True) as messages:
                    self._watch.refused = ""
                    async for message in messages:
                        self._tallies.take(message)
                return
            except EkspiperError as error:
                # Too many messages at once, or nodes that do not have these streams.
                self._watch.refused = str(error)
                log.warning("validations are not heard for the moment: %s", error)
                await asyncio.sleep(1.0)

    def _ask(self, key: str) -> None:
        if key not in self._asked and len(self._asked) < _ASKED:
            self._asked.add(key)
            self._spawn(self._ask_nodes(key))

    async def _ask_nodes(self, key: str) -> None:
        try:
            result = await self._pool.request({"command": "manifest", "public_key": key})
            if "manifest" in result:
                self._tallies.take_manifest(Manifest.from_base64(result["manifest"]))
        except EkspiperError as error:
            log.debug("no manifest of %s: %s", key, error)
        finally:
            # A rotation that the node has not heard of yet: asked again, but not for every message.
            await asyncio.sleep(_RETRY)
            self._asked.discard(key)

    def _sign(self, verdict: Verdict) -> None:
        """Note a ledger that has a quorum."""
        index = verdict.ledger_index
        proven = ProvenHash(index, verdict.ledger_hash, index)
        try:
            self.chain.note(proven)
        except TrustError as error:
            log.error("%s", error)
            return
        if index > self.newest_signed:
            self._watch.newest_signed = index
            self._watch.moved()
        said = (self._pool.closed_ledger(index) or {}).get("ledger_hash")
        self._watch.compare(index, verdict.ledger_hash.hex().upper(), said)
        # Its proof was written with a bare quorum, so that nobody waits. By now the others have
        # signed.
        before = self.chain.get(index - FULLER_AFTER)
        if before is not None and self._keeper.is_kept(before.ledger_index):
            self._spawn(self._keeper.keep_fuller(before))
        latency = self._tallies.since_first_vote(index)
        for observer in self.observers:
            observer(verdict, latency)
        self._changed.set()

    # Lists.

    async def _keep_lists(self) -> None:
        while True:
            complete = await self._lists.refresh()
            self._reload()
            pause = _REFRESH if complete else _RETRY
            if (expires := self.expiration()) is not None:
                # Half of what is left, and half again: a publisher that is late is noticed in
                # time, and not asked every second.
                pause = min(pause, max(_RETRY, (expires - self._lists.now()) / 2))
            await asyncio.sleep(pause)

    def _reload(self) -> None:
        """Count by the lists that hold now."""
        sets: dict[bytes, ValidatorSet] = {
            each.publisher: ValidatorSet.of_list(each) for each in self._lists.current()
        }
        if given := self._trustees.validators:
            sets[_GIVEN] = ValidatorSet(given, source=f"the {len(given)} that were named")
        if sets:
            self._listed.set()
        self._tallies.count_by(sets)

    def signers(self, ledger_index: int) -> frozenset[bytes]:
        """Who signed the ledger of this index that is proven, as far as was heard."""
        proven = self.chain.get(ledger_index)
        return self._tallies.signers(proven) if proven is not None else frozenset()

    def validators(self) -> list[tuple[ValidatorSet, dict[bytes, int]]]:
        """Who is trusted, each set with the newest ledger that each of its validators signed."""
        return [(tally.validators, dict(tally.last_seen)) for tally in self._tallies.values()]

    @property
    def quorum(self) -> str:
        """By at least how many of how many validators a ledger must be signed: `4 of 5`."""
        found = {(each.quorum, len(each)) for each, _ in self.validators()}
        return " or ".join(f"{quorum} of {count}" for quorum, count in sorted(found))

    def expiration(self) -> int | None:
        """When the first of the lists that hold expires, in seconds of the ledger's epoch."""
        return min((each.expiration for each in self._lists.current()), default=None)
