from typing import Any

INTERFACE: int

def pack_rows(rows: list[Any]) -> tuple[bytes, bytes, bytes] | None: ...
def read_frame(
    frame: bytes | bytearray | memoryview,
) -> tuple[bytes, bytes, bytes, bytes] | None: ...
def tree_root(data: bytes, spans: bytes, ids: bytes, lanes: int = 0) -> bytes | None: ...
def hash_many(messages: list[bytes], lanes: int = 0) -> list[bytes]: ...
def fold_page(
    objects: tuple[tuple[str, str], ...],
    base: int,
    key: bytes,
    leaf: bytes,
    shared: int,
    levels: list[bytes],
    lanes: int = 0,
) -> tuple[bytes, bytes, int, list[bytes]] | None: ...
def fold_leaves(keys: list[bytes], hashes: list[bytes], lanes: int = 0) -> bytes | None: ...
