"""An object that one writer replaces again and again, and that tells when somebody else did."""

from __future__ import annotations

import hashlib
import itertools

from .bucket import Bucket, Refused

__all__ = ["BucketDocument"]


class BucketDocument:
    """An object that is put only in place of the one that was loaded or saved last.

    Args:
        bucket: where it is.
        name: of the object.
    """

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._bucket = bucket
        self._name = name
        self._tag: str | None = None
        self._attempts: set[bytes] = set()

    def __str__(self) -> str:
        return f"{self._bucket}/{self._name}"

    def load(self) -> bytes | None:
        """The object; None where there is none."""
        found = self._bucket.get_tagged(self._name)
        self._tag = None if found is None else found[1]
        return None if found is None else found[0]

    def save(self, content: bytes) -> None:
        """Put the object. After an error, it was put or not; the next `save` finds out.

        Raises:
            Refused: somebody else has put one since it was loaded or saved.
            Retryable: the store does not answer.
        """
        self._attempts.add(_digest(content))
        while True:
            try:
                self._tag = self._bucket.put_if(self._name, content, tag=self._tag)
            except Refused:
                # Perhaps because of an earlier try of ours, whose answer was lost.
                found = self._bucket.get_tagged(self._name)
                if found is None or _digest(found[0]) not in self._attempts:
                    raise
                self._tag = found[1]
                if found[0] != content:
                    continue
            self._attempts.clear()
            return

    def back_up(self) -> str:
        """Copy the object to the first of `NAME.backup-1`, `NAME.backup-2`, ... that is free."""
        for number in itertools.count(1):
            name = f"{self._name}.backup-{number}"
            if self._bucket.get(name) is None:
                self._bucket.copy(self._name, name)
                return f"{self._bucket}/{name}"
        raise AssertionError("numbers do not end")


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
