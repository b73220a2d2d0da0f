"""A range cut into chunks: each is worked on by itself, on any executor, and lands whole."""

from .chunk import Chunk as Chunk
from .chunk import cut as cut
from .chunk_run import ChunkRun as ChunkRun
from .chunk_run import Outcome as Outcome
from .chunk_store import Aside as Aside
from .chunk_store import ChunkStore as ChunkStore
from .chunk_store import Staged as Staged
from .folder_store import FolderStore as FolderStore
from .object_store import ObjectStore as ObjectStore

__all__ = [
    "Aside",
    "Chunk",
    "ChunkRun",
    "ChunkStore",
    "FolderStore",
    "ObjectStore",
    "Outcome",
    "Staged",
    "cut",
]
