"""Says which ledgers are signed, while they close: the only one whom the daemon believes."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from ekspiper.core import EkspiperError, Retryable
from ekspiper.core.component import Component
from ekspiper.xrpl.trust import (
    Counted,
    Manifest,
    SignedLedger,
    TrustError,
    Validation,
    ValidationTally,
    ValidatorSet,
    Verdict,
    key_text,
    read_header,
    read_key,
)

from .header_reader import HeaderPool, HeaderReader
from .list_store import ListStore
from .proof_archive import ProofArchive
from .trustees import Trustees

__all__ = ["Notary", "NotaryPool", "ProvenHash"]

log = logging.getLogger("ekspiper.xrpl.attestation")

_FLAG = 256
_STREAMS = ("validations", "manifests")
_SEEN = 16_384
_ASKED = 1024
_REFRESH = 3600.0  # seconds between two looks for a newer list, when one is held
_RETRY = 15.0  # and when none is
_SAY_AGAIN = 60.0
_KEPT_BEHIND = 512
_FULLER_AFTER = 4  # ledgers after which the last validations of one have come
_GIVEN = b""  # stands for the validators that are named without a publisher


class NotaryPool(HeaderPool, Protocol):
    """What is needed of a pool of nodes."""

    def subscribe(self, streams: Sequence[str]) -> Any:
        """Messages of streams."""

    async def request(self, request: Any) -> dict[str, Any]:
        """Send a request."""

    def closed_ledger(self, index: int) -> dict[str, Any] | None:
        """What the nodes say of a ledger that closed."""

    @property
    def newest_ledger(self) -> int:
        """The newest ledger that the nodes know."""


class ProvenHash(NamedTuple):
    """The hash of a ledger, and the ledger whose quorum proves it: itself or a later one."""

    ledger_index: int
    ledger_hash: bytes
    signed_by: int


class Notary(Component):
    """Listens to validators through the nodes, and proves ledgers by their signatures.

    A ledger is proven by its own quorum, or through `parent_hash` by a later one that has a quorum.
    Where neither comes, `proven` waits: there is no fallback to what a node says.

    Args:
        pool: open nodes; the validations of any of them count.
        trustees: whose signatures count.
        lists: the lists of the publishers among them.
        archive: keeps the proof of one ledger in 256; None: no proofs are kept.
        each: keep the proof of every ledger instead.
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
        self._archive = archive
        self._every = 1 if each else _FLAG
        self._headers = headers or HeaderReader(pool)
        self._patience = patience
        self._tallies: dict[bytes, ValidationTally] = {}
        self._manifests: dict[bytes, Manifest] = {}
        self._proven: dict[int, ProvenHash] = {}
        self._verdicts: OrderedDict[int, tuple[Verdict, bytes]] = OrderedDict()
        self._archived: dict[int, int] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._changed = asyncio.Event()
        self._listed = asyncio.Event()
        self._walking = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._first_heard = 0
        self._said = ""
        self._said_at = float("-inf")
        self._moved = 0.0
        self._began = 0.0
        self._refused = ""
        self.newest_signed = 0
        """The newest ledger that has a quorum."""
        self.counts: Counter[str] = Counter()
        """Validations by what became of them: `counted`, or the reason why not."""
        self.observers: list[Callable[[Verdict, float], None]] = []
        """Called with each verdict, and the seconds from the first validation to the quorum."""
        self._first_vote: OrderedDict[int, float] = OrderedDict()

    # Life.

    async def open(self) -> None:
        """Read the cached lists, and begin to listen."""
        if self._tasks:
            return
        self._began = self._moved = _now()
        self._lists.load()
        self._reload()
        for work in (self._keep_lists(), self._listen(), self._watch()):
            self._spawn(work)

    async def close(self) -> None:
        """Stop listening; what the archive still lacks of the last ledgers is written."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("what proves ledgers by signatures has failed: %r", error, exc_info=error)

    # What is proven.

    async def proven(self, ledger_index: int) -> ProvenHash:
        """The hash of a ledger that is proven; waits until it is."""
        while True:
            self._changed.clear()
            found = self._proven.get(ledger_index)
            if found is not None:
                await self._keep_proof(found)
                self._forget_before(ledger_index - _KEPT_BEHIND)
                return found
            if (later := self._later_proof(ledger_index)) is not None:
                try:
                    await self._walk_down(later, ledger_index)
                except Retryable as error:
                    self._say(str(error))
                    await asyncio.sleep(1.0)
                continue
            await self._changed.wait()

    def _later_proof(self, ledger_index: int) -> ProvenHash | None:
        """The next later ledger that is proven, if there is one."""
        if self.newest_signed <= ledger_index:
            return None
        following = self._proven.get(ledger_index + 1)
        if following is not None:
            return following
        return min(
            (each for index, each in self._proven.items() if index > ledger_index), default=None
        )

    async def _walk_down(self, top: ProvenHash, bottom: int) -> None:
        """Prove the ledgers before a proven one, by its header and theirs."""
        async with self._walking:  # a second reader finds what the first has proven
            if bottom in self._proven:
                return
            walk = self._headers.walk(top.ledger_index, top.ledger_hash, bottom + 1)
            async for header in walk:
                parent = read_header(header.data).parent_hash
                index = header.ledger_index - 1
                self._proven.setdefault(index, ProvenHash(index, parent, top.signed_by))

    def _forget_before(self, ledger_index: int) -> None:
        if len(self._proven) > 4 * _KEPT_BEHIND:
            for index in [index for index in self._proven if index < ledger_index]:
                del self._proven[index]

    # What is heard.

    async def _listen(self) -> None:
        await self._listed.wait()  # without a list nothing that is heard can be counted
        while True:
            try:
                async with self._pool.subscribe(_STREAMS) as messages:
                    self._refused = ""
                    async for message in messages:
                        self._take(message)
                return
            except EkspiperError as error:
                # Too many messages at once, or nodes that do not have these streams.
                self._refused = str(error)
                log.warning("validations are not heard for the moment: %s", error)
                await asyncio.sleep(1.0)

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        try:
            if kind == "validationReceived":
                self._take_validation(message)
            elif kind == "manifestReceived":
                self._take_manifest(Manifest.from_bytes(_hex(message.get("manifest"))))
        except TrustError as error:
            self.counts["malformed"] += 1
            log.debug("a message of the stream %s is ignored: %s", kind, error)

    def _take_validation(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        if data is None:
            self.counts["without data"] += 1
            return
        if not isinstance(data, str) or data in self._seen:
            return
        _remember(self._seen, data, _SEEN)
        validation = Validation.from_hex(data)
        self._first_heard = self._first_heard or validation.ledger_index
        outcome = "not trusted"
        for tally in self._tallies.values():
            counted = tally.add(validation)
            outcome = self._note(counted) if counted.master is not None else outcome
        self.counts[outcome] += 1
        if outcome == "not trusted":
            self._ask_for_manifest(validation, message.get("master_key"))

    def _note(self, counted: Counted) -> str:
        if counted.verdict is not None:
            self._sign(counted.verdict)
        return counted.reason or "counted"

    def _take_manifest(self, manifest: Manifest) -> None:
        for tally in self._tallies.values():
            if manifest.master not in tally.validators.keys:
                continue
            known = tally.validators.keys.manifest_of(manifest.master)
            for counted in tally.add_manifest(manifest):
                self.counts[self._note(counted)] += 1
            held = self._manifests.get(manifest.master)
            if held is None or held.sequence < manifest.sequence:
                self._manifests[manifest.master] = manifest
                if known is not None and known.sequence < manifest.sequence:
                    what = "has revoked its key" if manifest.revoked else "signs with a new key"
                    log.info("the validator %s %s", _called(manifest), what)

    def _ask_for_manifest(self, validation: Validation, claimed: Any) -> None:
        """Ask for the manifest behind a key that is not known, where it may be a trusted one's."""
        if isinstance(claimed, str):
            with suppress(TrustError):
                master = read_key(claimed)
                if any(master in tally.validators.keys for tally in self._tallies.values()):
                    self._ask(claimed)
        else:
            self._ask(key_text(validation.signing_key))

    def _ask(self, key: str) -> None:
        if key not in self._asked:
            _remember(self._asked, key, _ASKED)
            self._spawn(self._ask_nodes(key))

    async def _ask_nodes(self, key: str) -> None:
        try:
            result = await self._pool.request({"command": "manifest", "public_key": key})
            if "manifest" in result:
                self._take_manifest(Manifest.from_base64(result["manifest"]))
        except EkspiperError as error:
            log.debug("no manifest of %s: %s", key, error)
        finally:
            # A rotation that the node has not heard of yet: asked again, but not for every message.
            await asyncio.sleep(_RETRY)
            self._asked.pop(key, None)

    def _sign(self, verdict: Verdict) -> None:
        """Note a ledger that has a quorum."""
        index = verdict.ledger_index
        proven = ProvenHash(index, verdict.ledger_hash, index)
        known = self._proven.get(index)
        if known is not None and known.ledger_hash != verdict.ledger_hash:
            log.error(
                "two different ledgers %d have a quorum: %s and %s; the list of validators cannot "
                "be trusted any more",
                index,
                known.ledger_hash.hex().upper(),
                verdict.ledger_hash.hex().upper(),
            )
            return
        self._proven[index] = proven
        self._verdicts[index] = (verdict, verdict.ledger_hash)
        while len(self._verdicts) > _KEPT_BEHIND:
            self._verdicts.popitem(last=False)
        if index > self.newest_signed:
            self.newest_signed = index
            self._moved = _now()
        self._compare_with_nodes(proven)
        if (before := index - _FULLER_AFTER) in self._archived:
            self._spawn(self._write_fuller(before))
        self._changed.set()

    def _compare_with_nodes(self, proven: ProvenHash) -> None:
        said = (self._pool.closed_ledger(proven.ledger_index) or {}).get("ledger_hash")
        if isinstance(said, str) and said.upper() != proven.ledger_hash.hex().upper():
            log.error(
                "a node says that ledger %d is %s, but the validators have signed %s: its ledger "
                "is forged and is not recorded",
                proven.ledger_index,
                said.upper(),
                proven.ledger_hash.hex().upper(),
            )

    # Lists.

    async def _keep_lists(self) -> None:
        while True:
            complete = await self._lists.refresh()
            self._reload()
            pause = _REFRESH if complete else _RETRY
            expires = min((each.expiration for each in self._lists.current()), default=None)
            if expires is not None:
                pause = min(pause, max(_RETRY, (expires - self._lists.now()) / 2))
            await asyncio.sleep(pause)

    def _reload(self) -> None:
        """Count by the lists that hold now."""
        sets: dict[bytes, ValidatorSet] = {
            each.publisher: ValidatorSet.of_list(each) for each in self._lists.current()
        }
        if self._trustees.validators:
            count = len(self._trustees.validators)
            sets[_GIVEN] = ValidatorSet(
                self._trustees.validators, source=f"the {count} that were named"
            )
        if sets:
            self._listed.set()
        for name in [name for name in self._tallies if name not in sets]:
            del self._tallies[name]
        for name, validators in sets.items():
            tally = self._tallies.get(name)
            if tally is not None and tally.validators.source == validators.source:
                continue
            for manifest in self._manifests.values():
                with suppress(TrustError):
                    validators.keys.add(manifest)
            log.info("trusting %d validators of %s", len(validators), validators.source)
            if tally is None:
                self._tallies[name] = ValidationTally(validators)
                continue
            for verdict in tally.adopt(validators):
                self._sign(verdict)

    # The archive.

    async def _keep_proof(self, proven: ProvenHash) -> None:
        """Write the proof of a ledger before anybody is told that it is proven.

        A kill in between then leaves a proof too many, never one too few.
        """
        index = proven.ledger_index
        if self._archive is None or proven.signed_by != index or index % self._every:
            return
        if index in self._archived or index <= self._archive.newest:
            return
        signed = await self._signed(proven)
        if signed is not None:
            await asyncio.to_thread(self._archive.add, signed)
            self._archived[index] = len(signed.validations)

    async def _write_fuller(self, index: int) -> None:
        """Write a proof again when more validators have signed since."""
        proven, count = self._proven.get(index), self._archived.pop(index, 0)
        if self._archive is None or proven is None:
            return
        signed = await self._signed(proven)
        if signed is not None and len(signed.validations) > count:
            await asyncio.to_thread(self._archive.add, signed)

    async def _signed(self, proven: ProvenHash) -> SignedLedger | None:
        """A ledger with the validations that there are of it."""
        index, ledger_hash = proven.ledger_index, proven.ledger_hash
        for tally in self._tallies.values():
            if tally.signed_hash(index) != ledger_hash:
                continue
            header = await self._headers.one(index, ledger_hash)
            validators = tally.validators
            source = validators.validator_list
            listed = {each.data for each in source.manifests} if source else set()
            return SignedLedger(
                header=read_header(header.data),
                validations=tuple(tally.validations(index, ledger_hash)),
                validator_list=source,
                manifests=tuple(
                    each for each in validators.keys.manifests() if each.data not in listed
                ),
                validators=() if source else self._trustees.validators,
            )
        return None

    async def signed_ledger(self, ledger_index: int) -> SignedLedger | None:
        """A ledger that has a quorum of its own, with what proves it."""
        proven = self._proven.get(ledger_index)
        if proven is None or proven.signed_by != ledger_index:
            return None
        return await self._signed(proven)

    # What is wrong.

    def trouble(self) -> str:
        """Why no ledger has been signed for longer than the patience; empty when all is well."""
        still = _now() - self._moved
        if still < self._patience:
            return ""
        return f"{self._why()} (for {still:.0f} s now)"

    def _why(self) -> str:
        hashed = 'or trust = "hashed" in the configuration to record what nodes say'
        if not self._tallies:
            return f"no validator list holds: {self._lists.why_none()}, {hashed}"
        heard = self.counts["counted"] + self.counts["doubled"]
        if not self._seen and not self.counts["without data"]:
            why = f" ({self._refused})" if self._refused else ""
            return f"no node gives validations{why}: give another node, {hashed}"
        if not self._seen:
            return (
                "the nodes give validations without their bytes, as servers before version 2.0 "
                f"do: give another node, {hashed}"
            )
        if not heard:
            return (
                f"none of the validations that nodes give is by a validator of {self._sources()}: "
                "is this another network, or has the list changed?"
            )
        return f"no ledger has a quorum: {self._best()}; newest signed is {self.newest_signed}"

    def _best(self) -> str:
        """How near the newest ledgers have come to a quorum."""
        found = []
        for tally in self._tallies.values():
            newest = max(tally.last_seen.values(), default=0)
            votes = max(tally.candidates(newest).values(), default=0)
            found.append(
                f"ledger {newest} is signed by {votes} of {len(tally.validators)} validators of "
                f"{tally.validators.source}, {tally.validators.quorum} are needed"
            )
        return "; ".join(found)

    def _sources(self) -> str:
        return ", ".join(tally.validators.source for tally in self._tallies.values())

    async def _watch(self) -> None:
        """Say what is wrong: when it begins, and once a minute."""
        while True:
            await asyncio.sleep(min(1.0, self._patience / 4))
            trouble = self.trouble()
            if trouble:
                self._say(f"ledgers are not signed, so nothing is recorded: {trouble}")
            elif self._said:
                log.info("ledgers are signed again: the newest is %d", self.newest_signed)
                self._said, self._said_at = "", float("-inf")

    def _say(self, text: str) -> None:
        if _now() - self._said_at >= _SAY_AGAIN:
            log.warning("%s", text)
            self._said, self._said_at = text, _now()

    def last_seen(self) -> dict[str, int]:
        """The newest ledger that each trusted validator has signed; 0 where it was silent."""
        found: dict[str, int] = {}
        for tally in self._tallies.values():
            for master in tally.validators.masters():
                name = tally.validators.describe_signer(master)
                found[name] = max(found.get(name, 0), tally.last_seen.get(master, 0))
        return found

    def expiration(self) -> int | None:
        """When the first of the lists that hold expires, in seconds of the ledger's epoch."""
        return min((each.expiration for each in self._lists.current()), default=None)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _remember(held: OrderedDict[str, None], key: str, limit: int) -> None:
    held[key] = None
    if len(held) > limit:
        held.popitem(last=False)


def _hex(text: Any) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        raise TrustError("a manifest is not in hex") from None


def _called(manifest: Manifest) -> str:
    return manifest.domain or key_text(manifest.master)
