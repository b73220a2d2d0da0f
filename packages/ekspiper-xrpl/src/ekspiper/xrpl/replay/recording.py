"""A recording, loaded: what a node once answered and sent, ready to be served again."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import orjson

from ekspiper.xrpl.codec import Decoder, Definitions
from ekspiper.xrpl.trust import TrustError, read_key

from ._recording import (
    ByteCache,
    History,
    Index,
    LedgerRecord,
    Span,
    StateRecord,
    Testimony,
    ValidatorDocument,
    add,
    read_folder,
    read_lists,
)
from .errors import RecordingError

__all__ = ["SAMPLE", "Recording"]

SAMPLE = Path(__file__).parent / "sample"
"""The folder of the recording that comes with the package."""


class Recording:
    """Everything in a folder of recorded lines; `close` it after use.

    Memory holds an index; the answers themselves lie in a temporary file. Nothing changes after
    loading, so several nodes may serve one recording.

    Args:
        index: what was found in the lines (see `load`).
        name: what messages call it, usually the folder.
    """

    def __init__(self, index: Index, *, name: str) -> None:
        self.name = name
        self.index = index
        self.ledgers: dict[int, LedgerRecord] = dict(sorted(index.ledgers.items()))
        """Every ledger of which at least the header was recorded, in order."""
        self.indexes: tuple[int, ...] = tuple(i for i, r in self.ledgers.items() if r.is_complete)
        """The ledgers recorded with their transactions."""
        self.cache = ByteCache()
        """Answers that were made from other forms."""
        if not self.ledgers:
            raise RecordingError(f"{name}: no validated ledger was recorded here")
        # A recording of headers alone can still be paged and asked for its state.
        if not self.indexes:
            self.indexes = tuple(self.ledgers)

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Read the `*.jsonl.gz` and `*.jsonl` files of a folder, and the validator lists `vl*.json`.

        Raises RecordingError at the first line that cannot be used, with file and line number.
        """
        folder = Path(folder)
        index = Index()
        try:
            for where, item in read_folder(folder):
                try:
                    add(index, item)
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    reason = f"{error} is missing" if isinstance(error, KeyError) else error
                    raise RecordingError(f"{where}: not what a server answers: {reason}") from error
            index.lists.extend(read_lists(folder))
            index.finish()
            return cls(index, name=str(folder))
        # Also for Ctrl-C: the spool is a file without a name, which is only freed when it is
        # closed.
        except BaseException:
            index.spool.close()
            raise

    @classmethod
    def sample(cls) -> Self:
        """The recording that comes with the package: 120 ledgers and the state of the last one."""
        return cls.load(SAMPLE)

    def close(self) -> None:
        """Give the temporary file back. Closing twice is fine."""
        self.index.spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Recording({self.name!r}, ledgers={len(self.indexes)})"

    @property
    def first(self) -> int:
        """The first ledger."""
        return self.indexes[0]

    @property
    def last(self) -> int:
        """The last ledger."""
        return self.indexes[-1]

    @cached_property
    def by_hash(self) -> dict[str, int]:
        """The index of each ledger, by its hash."""
        return {record.hash: index for index, record in self.ledgers.items()}

    @cached_property
    def definitions(self) -> Definitions:
        """The recorded server's own definitions, or those that are bundled."""
        own = self.template("server_definitions")
        return Definitions.from_server(own) if own else Definitions.bundled()

    @cached_property
    def decoder(self) -> Decoder:
        """Makes JSON of recorded bytes."""
        return Decoder(self.definitions, shape="server")

    def read(self, span: Span) -> bytes:
        """Recorded bytes."""
        return self.index.spool.read(span)

    def template(self, command: str) -> dict[str, Any] | None:
        """The result of a command about the server itself, as it was recorded last."""
        return self.index.templates.get(command)

    def ledger_of(self, transaction: str) -> int | None:
        """The ledger in which the transaction of this hash was recorded."""
        try:
            return self.index.transactions.get(bytes.fromhex(transaction))
        except ValueError:
            return None

    def book(self, key: object) -> History | None:
        """The answers about one side of a book, by `book_key`."""
        return self.index.books.get(key)

    def pool(self, account: str) -> History | None:
        """The answers about an AMM pool, by its account."""
        return self.index.pools.get(account)

    def pool_of(self, assets: frozenset[tuple[str, ...]]) -> str | None:
        """The account of the pool of two assets."""
        return self.index.pool_accounts.get(assets)

    def state(self, ledger_index: int) -> StateRecord | None:
        """The state of a ledger, where it was recorded."""
        return self.index.states.get(ledger_index)

    @property
    def testimony(self) -> Testimony:
        """What validators said."""
        return self.index.testimony

    @property
    def validator_lists(self) -> list[ValidatorDocument]:
        """The validator lists of its publishers: `vl.json`'s first, and of each the newest last."""
        return self.index.lists

    def lists_of(self, publisher: str = "") -> list[ValidatorDocument]:
        """The validator lists of one publisher, the newest last.

        Args:
            publisher: its master key, in hex or base58; without it the publisher of `vl.json`.
        """
        lists = self.index.lists
        try:
            key = read_key(publisher).hex().upper() if publisher else lists[0].publisher
        except (IndexError, TrustError):
            return []
        return [each for each in lists if each.publisher == key]

    @property
    def publisher_keys(self) -> list[str]:
        """The master keys of those who published the lists, in hex."""
        return list(dict.fromkeys(each.publisher for each in self.index.lists))

    def validation(self, span: Span) -> bytes:
        """A message of a validator, as it was recorded."""
        return self.read(span)

    def stream(self, ledger_index: int) -> list[bytes]:
        """The recorded stream messages of a ledger, in the order in which they were received."""
        return [self.read(span) for span in self.index.stream.get(ledger_index, ())]

    def exchange(self, key: bytes) -> dict[str, Any] | None:
        """The response recorded for exactly this request, by `exchange_key`."""
        span = self.index.exchanges.get(key)
        return None if span is None else orjson.loads(self.read(span))
