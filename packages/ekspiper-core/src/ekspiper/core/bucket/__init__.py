"""A place in an object store: Amazon S3 and what speaks like it, Google's, Azure's."""

from .bucket import Bucket as Bucket
from .bucket import Refused as Refused
from .bucket import is_bucket_url as is_bucket_url
from .bucket_checkpoint import BucketCheckpoint as BucketCheckpoint
from .bucket_document import BucketDocument as BucketDocument
from .bucket_lock import LEASE as LEASE
from .bucket_lock import BucketLock as BucketLock
from .process_mark import ProcessMark as ProcessMark

__all__ = [
    "LEASE",
    "Bucket",
    "BucketCheckpoint",
    "BucketDocument",
    "BucketLock",
    "ProcessMark",
    "Refused",
    "is_bucket_url",
]
