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
    def read_shown(
        self, data: bytes, spans: bytes, choice: NodeChoice
    ) -> list[tuple[int, dict[str, Any] | None]]: ...
    def is_ordinary(self, data: bytes) -> bool: ...

class LineReader:
    def __init__(
        self, fields: FieldCodes, accounts: Mapping[str, bytes], *, derived: Iterable[str]
    ) -> None: ...
    def object(self, text: bytes) -> bytes | None: ...
    def ledger(
        self, text: bytes, begin: int, first: int = 0
    ) -> tuple[int, int, bytes, bytes, bytes] | None: ...

class TableColumns:
    def __len__(self) -> int: ...
    def add(self, row: tuple[Any, ...]) -> None: ...
    def take(self) -> list[tuple[bytearray, bytearray, Any]]: ...

class TableReader:
    def __init__(
        self,
        fields: FieldCodes,
        addresses: Mapping[bytes, str],
        *,
        types: dict[int, str],
        results: dict[int, str],
        entries: tuple[int, ...],
        delivering: set[int],
        liquidity: set[int],
        success: int,
        currency: Callable[[str], str],
        flags: Callable[[str, int], str],
        line_flag: int,
        token_flag: int,
    ) -> None: ...
    def columns(self, kinds: list[int]) -> TableColumns: ...
    def transactions(
        self,
        out: TableColumns,
        blobs: tuple[bytes, bytes, bytes],
        first: int,
        type_code: int,
        ledger_index: int,
        close_time: int,
        network_id: int,
        late: bool,
    ) -> int: ...
    def balance_changes(
        self,
        out: TableColumns,
        blobs: tuple[bytes, bytes, bytes],
        first: int,
        ledger_index: int,
        close_time: int,
        account: bytes | None,
    ) -> int: ...
    def of_type(
        self,
        blobs: tuple[bytes, bytes, bytes],
        first: int,
        type_code: int,
        only_successes: bool,
    ) -> int: ...
    def payments(
        self,
        out: TableColumns,
        blobs: tuple[bytes, bytes, bytes],
        first: int,
        type_code: int,
        ledger_index: int,
        close_time: int,
        late: bool,
    ) -> int: ...
    def trades(
        self,
        out: TableColumns,
        blobs: tuple[bytes, bytes, bytes],
        first: int,
        ledger_index: int,
        close_time: int,
    ) -> int: ...
    def trading(self, blobs: tuple[bytes, bytes, bytes], first: int) -> int: ...
    def touching(self, blobs: tuple[bytes, bytes, bytes], first: int, account: bytes) -> int: ...
    def totals(self, blobs: tuple[bytes, bytes, bytes]) -> tuple[int, int] | None: ...
