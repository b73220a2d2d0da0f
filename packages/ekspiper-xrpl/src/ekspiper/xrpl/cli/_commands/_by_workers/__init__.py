"""Commands whose work is done by workers, chunk by chunk: `--workers`, `--scheduler`, object stores."""

from .backfill_by_chunks import backfill_by_chunks as backfill_by_chunks
from .snapshot_by_parts import snapshot_by_parts as snapshot_by_parts
from .verify_by_chunks import verify_by_chunks as verify_by_chunks

__all__ = ["backfill_by_chunks", "snapshot_by_parts", "verify_by_chunks"]
