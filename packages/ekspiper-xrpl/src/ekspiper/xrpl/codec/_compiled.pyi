from collections.abc import Callable, Mapping
from typing import Any

INTERFACE: int

class FieldCodes:
    id_by_name: dict[str, int]
    def __init__(
        self, fields: list[tuple[int, int, str, int, dict[int, str | int] | None]]
    ) -> None: ...

class LineWriter:
    def __init__(
        self,
        fields: FieldCodes,
        *,
        contexts: list[tuple[dict[str, int], tuple[str, ...] | None]],
        transactions: dict[int, int],
        entries: dict[int, int],
        whole_entries: dict[int, int],
        metadata: int,
        address: Callable[[bytes], str],
        delivering: set[int],
        success: int,
    ) -> None: ...
    def line(
        self,
        tx_blob: bytes,
        meta_blob: bytes,
        hash: bytes,
        place: bytes,
        ledger_index: int,
        network_id: int,
        late: bool,
    ) -> bytes | None: ...
    def lines(
        self,
        data: bytes,
        spans: bytes,
        ids: bytes,
        place: bytes,
        ledger_index: int,
        network_id: int,
        late: bool,
    ) -> bytes | None: ...
    def object_line(self, data: bytes, place: bytes) -> bytes | None: ...

class NodeChoice:
    def __init__(self, fields: FieldCodes, entries: dict[int, str | int | None]) -> None: ...

class ObjectReader:
    def __init__(
        self, fields: FieldCodes, addresses: Mapping[bytes, str], record: bool
    ) -> None: ...
    def read(self, data: bytes, choice: NodeChoice | None = None) -> dict[str, Any] | None: ...
    def is_ordinary(self, data: bytes) -> bool: ...

class BlobWriter:
    def __init__(self, fields: FieldCodes, accounts: Mapping[str, bytes]) -> None: ...
    def write(self, fields: dict[str, Any], left_out: frozenset[str]) -> bytes | None: ...
