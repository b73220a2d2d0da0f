"""A lock for a place in an object store, which ends by itself when its holder is gone."""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ..errors import ConfigError, Retryable
from .bucket import Bucket, Refused
from .process_mark import ProcessMark

__all__ = ["LEASE", "BucketLock"]

LEASE = 30.0
"""Seconds for which a lock holds that nobody renews, where nothing else is said."""


class BucketLock:
    """An object that one process at a time has put, and puts again before its lease ends.

    Whether another one is alive is seen by whether its object changes, so no clocks are compared.
    One of this machine that has ended is known at once.

    Args:
        bucket: where it is.
        name: of the object.
        lease: seconds for which the lock holds without being renewed.
    """

    def __init__(self, bucket: Bucket, name: str, *, lease: float = LEASE) -> None:
        self._bucket = bucket
        self._name = name
        self._lease = lease
        self._token = os.urandom(16).hex()
        self._count = 0
        self._tag: str | None = None
        self._renewed = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="ekspiper-lock", daemon=True)

    @property
    def is_ours(self) -> bool:
        """Whether it is certain that nobody else has taken it."""
        # A third of the lease is left for the request that relies on it.
        return time.monotonic() - self._renewed < self._lease * 2 / 3

    def acquire(self) -> None:
        """Take it, or wait and see whether its holder is alive.

        Raises:
            ConfigError: it is alive; or the place cannot be written.
        """
        try:
            self._take()
        except Retryable as error:
            reason = str(error).removeprefix(f"{self._bucket}: ")
            raise ConfigError(f"{self._bucket} cannot be written: {reason}") from None
        # Only now, when it is ours: a thread that renews what another one holds would take it.
        self._thread.start()

    def _take(self) -> None:
        seen, since = "", time.monotonic()
        while not self._put(None):
            found = self._bucket.get_tagged(self._name)
            if found is None:
                continue
            tag, holder = found[1], _holder(found[0])
            if seen and tag != seen:
                raise ConfigError(
                    f"{self._bucket} is in use by {holder}; stop that first, or choose another "
                    "place"
                )
            if tag != seen:
                seen, since = tag, time.monotonic()
            is_over = holder.is_dead or time.monotonic() - since > self._lease
            if is_over and self._put(seen):
                return
            # Five looks between two renewals, so that a holder that lives is noticed soon.
            time.sleep(self._lease / 30)

    def release(self) -> None:
        """Remove it, if it is ours."""
        self._ending.set()
        self._thread.join()
        if self.is_ours:
            with suppress(Retryable):
                self._bucket.remove([self._name])

    def _renew(self) -> None:
        # Several renewals may fail before the lease ends.
        while not self._ending.wait(self._lease / 6):
            try:
                if not self._put(self._tag):
                    return  # somebody else has taken it: it stays theirs
            except Retryable:
                continue  # the lease ends if this goes on

    def _put(self, tag: str | None) -> bool:
        # Before the request: the lease counts from when the store may have taken it.
        begun = time.monotonic()
        self._count += 1
        about = {"token": self._token, "count": self._count, **asdict(ProcessMark.own())}
        try:
            self._tag = self._bucket.put_if(self._name, json.dumps(about).encode(), tag=tag)
        except Refused:
            # A request whose answer was lost is sent again, and is then refused for itself.
            found = self._bucket.get_tagged(self._name)
            if found is None or json.loads(found[0]).get("token") != self._token:
                return False
            self._tag = found[1]
        self._renewed = begun
        return True


def _holder(content: bytes) -> ProcessMark:
    about: dict[str, Any] = json.loads(content)
    names = ("host", "pid", "where", "began")
    return ProcessMark(**{name: about[name] for name in names if name in about})
