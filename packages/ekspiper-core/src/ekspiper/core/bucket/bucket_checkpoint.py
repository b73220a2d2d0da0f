"""A checkpoint in an object store."""

from __future__ import annotations

from ..checkpoint import Progress
from ..errors import CheckpointError
from ..files import in_thread
from .bucket import Bucket, Refused
from .bucket_document import BucketDocument

__all__ = ["BucketCheckpoint"]


class BucketCheckpoint:
    """A checkpoint in one object. A second run that saves it is noticed, and the first one stops.

    Args:
        bucket: where it is.
        name: of the object.
    """

    def __init__(self, bucket: Bucket, name: str) -> None:
        self._document = BucketDocument(bucket, name)

    def __str__(self) -> str:
        return f"the checkpoint {self._document}"

    async def load(self) -> Progress | None:
        """Read the object; None when it does not exist.

        Raises:
            Retryable: the store does not answer.
        """
        content = await in_thread(self._document.load)
        return None if content is None else Progress.parse(content.decode(), str(self))

    async def save(self, progress: Progress) -> None:
        """Put the object in place of the one that was loaded or saved last."""
        try:
            await in_thread(self._document.save, progress.to_text().encode())
        except Refused:
            raise CheckpointError(
                f"{self} has changed since it was read: another run uses it; stop one of them"
            ) from None

    async def back_up(self) -> str:
        """Copy the object to the first of `NAME.backup-1`, `NAME.backup-2`, ... that is free."""
        return await in_thread(self._document.back_up)
