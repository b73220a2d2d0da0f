from collections.abc import Callable, Iterable, Mapping
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
        issuance: int,
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
    def object_line(self, data: bytes, index: str, place: bytes) -> bytes | None: ...
    def object_lines(
        self, objects: tuple[tuple[str, str], ...], place: bytes, types: frozenset[str] | None
    ) -> tuple[bytes, int] | None: ...

class NodeChoice:
    def __init__(self, fields: FieldCodes, entries: dict[int, str | int | None]) -> None: ...

class ObjectReader:
    def __init__(
        self, fields: FieldCodes, addresses: Mapping[bytes, str], record: bool
    ) -> None: ...
    def read(self, data: bytes, choice: NodeChoice | None = None) -> dict[str, Any] | None: ...
    def is_ordinary(self, data: bytes) -> bool: ...

class LineReader:
    def __init__(
        self, fields: FieldCodes, accounts: Mapping[str, bytes], *, derived: Iterable[str]
    ) -> None: ...
    def object(self, text: bytes) -> bytes | None: ...
    def ledger(
        self, text: bytes, begin: int, first: int = 0
    ) -> tuple[int, int, bytes, bytes, bytes] | None: ...
