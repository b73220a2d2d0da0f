"""Keeps the newest list of each publisher: fetched, cached, and never replaced by an older one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ekspiper.core import MissingExtra, in_thread, replace_file
from ekspiper.xrpl.codec import RIPPLE_EPOCH, ripple_time_iso
from ekspiper.xrpl.trust import (
    KeyConflict,
    NotProven,
    TrustError,
    ValidatorList,
    read_validator_lists,
)
from ekspiper.xrpl.trustees import Publisher, Trustees

__all__ = ["Fetch", "ListStore", "fetch_document", "ledger_time"]

log = logging.getLogger("ekspiper.xrpl.attestation")

# A list has some ten kilobytes; a site that sends without end must not fill memory.
_LARGEST = 4 * 1024 * 1024
# Seconds. A site that takes longer is tried again soon, and a list that is held stays.
_TIMEOUT = 20.0

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets the document at a location."""


def ledger_time() -> int:
    """The time now, in seconds of the ledger's epoch."""
    return int(time.time()) - RIPPLE_EPOCH


async def fetch_document(location: str) -> bytes:
    """The bytes at a URL, or in a file.

    Raises:
        OSError: they cannot be had; says why.
    """
    if not location.startswith(("http://", "https://")):
        path = Path(location.removeprefix("file://"))
        return await asyncio.to_thread(_read_bounded, path)
    try:
        import aiohttp
    except ImportError as error:
        raise MissingExtra(
            "fetching a validator list needs aiohttp: pip install 'ekspiper-xrpl[daemon]', "
            "or give the list as a file"
        ) from error
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(location) as got:
            if got.status != 200:
                raise OSError(f"the server answered {got.status}")
            document = await got.content.read(_LARGEST + 1)
            while len(document) <= _LARGEST and (more := await got.content.read(_LARGEST)):
                document += more
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(str(error) or type(error).__name__) from error
    if len(document) > _LARGEST:
        raise OSError(f"the document has more than {_LARGEST} bytes")
    return document


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        document = file.read(_LARGEST + 1)
    if len(document) > _LARGEST:
        raise OSError(f"{path} has more than {_LARGEST} bytes")
    return document


class ListStore:
    """The lists of trusted publishers.

    Args:
        trustees: who is trusted.
        cache: a folder that keeps lists between runs; None: they are fetched at each start.
        fetch: gets a document.
        clock: the time in seconds of the ledger's epoch.
    """

    def __init__(
        self,
        trustees: Trustees,
        *,
        cache: Path | None = None,
        fetch: Fetch = fetch_document,
        clock: Callable[[], int] = ledger_time,
    ) -> None:
        self._trustees = trustees
        self._cache = cache
        self._fetch = fetch
        self._clock = clock
        self._lists: dict[bytes, list[ValidatorList]] = {}
        self.problems: dict[bytes, str] = {}
        """Why the last try to get the list of a publisher failed."""

    def now(self) -> int:
        """The time by which lists are judged."""
        return self._clock()

    def load(self) -> None:
        """Read the lists that an earlier run has cached."""
        for publisher in self._trustees.publishers:
            path = self._cached(publisher)
            if path is None or not path.exists():
                continue
            try:
                self._take(publisher, _read_bounded(path))
            except (OSError, TrustError) as error:
                log.warning("the cached validator list %s is ignored: %s", path, error)

    async def refresh(self) -> bool:
        """Fetch the list of every publisher; whether a list is held for each afterwards.

        What fails is said in `problems` and in the log; lists that are held stay.
        """
        publishers = [each for each in self._trustees.publishers if each.location]
        await asyncio.gather(*(self._refresh(publisher) for publisher in publishers))
        return all(self._current(publisher) for publisher in self._trustees.publishers)

    async def _refresh(self, publisher: Publisher) -> None:
        try:
            document = await self._fetch(publisher.location)
            is_news = self._take(publisher, document)
        except (OSError, TrustError) as error:
            # Its master key is revoked or used by two: what it signed before does not count any
            # more either.
            if isinstance(error, KeyConflict):
                self._give_up(publisher)
            why = f"the validator list at {publisher.location} cannot be used: {error}"
            # Once for each reason: without a list it is looked for every few seconds.
            if self.problems.get(publisher.key) != why:
                log.warning("%s", why)
            self.problems[publisher.key] = why
            return
        self.problems.pop(publisher.key, None)
        path = self._cached(publisher)
        # The same list comes every hour, and is on the disk already.
        if path is not None and (is_news or not path.exists()):
            await in_thread(_keep, path, document)

    def _give_up(self, publisher: Publisher) -> None:
        """Drop the lists of a publisher who has revoked its own key."""
        self._lists.pop(publisher.key, None)
        path = self._cached(publisher)
        if path is not None:
            path.unlink(missing_ok=True)

    def _take(self, publisher: Publisher, document: bytes) -> bool:
        """Hold the lists in a document; whether they are newer than those held.

        Raises:
            NotProven: they are older, or another publisher's.
        """
        lists = read_validator_lists(document, {publisher.key})
        held = self._lists.get(publisher.key, [])
        for known in held:
            newest = max(lists, key=_age)
            if _age(newest) < _age(known):
                raise NotProven(
                    f"{newest} is older than {known}, which is known already: it is refused, as "
                    "an old list may name validators that are not trusted any more"
                )
        # One that is announced does not end the one that holds until then.
        announced = {each.sequence for each in lists}
        still = [each for each in held if each.sequence not in announced]
        self._lists[publisher.key] = [*(each for each in still if self._may_hold(each)), *lists]
        return {each.blob for each in lists} != {each.blob for each in held}

    def _may_hold(self, each: ValidatorList) -> bool:
        return self._clock() < each.expiration

    def current(self) -> list[ValidatorList]:
        """The lists that hold now, one for each publisher at most."""
        found = (self._current(publisher) for publisher in self._trustees.publishers)
        return [each for each in found if each is not None]

    def _current(self, publisher: Publisher) -> ValidatorList | None:
        now = self._clock()
        holding = [
            each
            for each in self._lists.get(publisher.key, ())
            if each.effective <= now < each.expiration
        ]
        return max(holding, key=_age, default=None)

    def why_none(self) -> str:
        """Why no list holds now, in words, and what to do."""
        reasons = []
        for publisher in self._trustees.publishers:
            if publisher.key in self.problems:
                reasons.append(self.problems[publisher.key])
            elif lists := self._lists.get(publisher.key):
                newest = max(lists, key=_age)
                try:
                    newest.check_time(self._clock())
                except NotProven as error:
                    reasons.append(str(error))
            else:
                reasons.append(f"the list of {publisher} has not been read yet")
        return (
            f"{'; '.join(reasons)}; get the list in another way and give it as a file "
            "(--trust KEY=FILE)"
        )

    def _cached(self, publisher: Publisher) -> Path | None:
        return self._cache / f"{publisher.key.hex().upper()}.json" if self._cache else None

    def describe(self) -> str:
        """Which lists hold now, and until when."""
        return "; ".join(
            f"{each} ({len(each.validators)} validators, until {ripple_time_iso(each.expiration)})"
            for each in self.current()
        )


def _age(each: ValidatorList) -> tuple[int, int]:
    """What grows from one list of a publisher to the next."""
    return each.publisher_manifest.sequence, each.sequence


def _keep(path: Path, document: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, document)
