"""Backfills by chunks and snapshots by parts, by any number of workers, on one machine or many."""

from .chunk_fetch import ChunkFetch as ChunkFetch
from .chunk_fetch import FetchedChunk as FetchedChunk
from .cluster_audit import AuditedChunk as AuditedChunk
from .cluster_audit import ChunkAudit as ChunkAudit
from .cluster_audit import ClusterAudit as ClusterAudit
from .cluster_backfill import ClusterBackfill as ClusterBackfill
from .cluster_job import ClusterJob as ClusterJob
from .cluster_job import ClusterProgress as ClusterProgress
from .cluster_snapshot import ClusterSnapshot as ClusterSnapshot
from .fair_share import FairShare as FairShare
from .fair_share import fair_share as fair_share
from .part_fetch import FetchedPart as FetchedPart
from .part_fetch import PartFetch as PartFetch
from .stores import open_state_store as open_state_store
from .stores import open_store as open_store
from .stores import proofs_beside as proofs_beside
from .stores import stored_at as stored_at
from .stores import url_of as url_of
from .workers import Workers as Workers
from .workers import local_workers as local_workers
from .workers import workers_of as workers_of
from .workers import workers_of_scheduler as workers_of_scheduler

__all__ = [
    "AuditedChunk",
    "ChunkAudit",
    "ChunkFetch",
    "ClusterAudit",
    "ClusterBackfill",
    "ClusterJob",
    "ClusterProgress",
    "ClusterSnapshot",
    "FairShare",
    "FetchedChunk",
    "FetchedPart",
    "PartFetch",
    "Workers",
    "fair_share",
    "local_workers",
    "open_state_store",
    "open_store",
    "proofs_beside",
    "stored_at",
    "url_of",
    "workers_of",
    "workers_of_scheduler",
]
