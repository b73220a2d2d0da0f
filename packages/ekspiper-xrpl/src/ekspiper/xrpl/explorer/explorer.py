"""The explorer: ledgers as tables and objects, on any network, in a notebook or a script."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack

from ekspiper.core import ConfigError, Pipeline, Report, RunOptions
from ekspiper.xrpl.codec import CodecError, decode_address
from ekspiper.xrpl.derive import parse_ctid
from ekspiper.xrpl.ledger import Ledger
from ekspiper.xrpl.networks import Network, find_network

from . import _tables as tables
from ._assets import parse_pair
from ._reading import Ledgers, default_cache_folder, parse_query
from ._session import Session, SessionOptions, new_ledgers, old_ledgers
from .explorer_source import ExplorerSource, Of
from .follow import Follow
from .order_book import OrderBook, busiest, fetch_book, fetch_summaries
from .running_pipeline import RunningPipeline
from .views import LedgerView, TransactionView, TrustView, listen, prove

if TYPE_CHECKING:
    from ekspiper.xrpl.backfill import BackfillReport
    from ekspiper.xrpl.processors import Asset

    from ._frame import Frame
    from .sync_explorer import SyncExplorer

__all__ = ["Explorer"]

_NEWEST = "-100:"
_SAMPLE_PACE = 0.2


# Longer than a file should be because it is the whole public face, most of it docstrings. What
# needs pandas is imported by the methods, so that a program without it can import this.
class Explorer:
    """A network to look at: `xrpl = Explorer("sample")`, then `await xrpl.transactions("-100:")`.

    It connects at the first call. It stays connected until you close it (`async with`, `with`, or
    `await xrpl.close()`), until its event loop ends, or until you interrupt a call. Every ledger is
    proven by its hash before anything of it is shown. `xrpl.sync` has the same methods without
    `await`.

    Ledgers are given as on the command line (`"421:540"`, `"421:+100"`, `"-100:"`, `"421:"`), as
    one index, as a time (`"2026-11-22 12:05"`: from then on; times are UTC), or as two times or
    indexes: `"2026-11-22 12:05/2026-11-22 12:06"`, or a pair of them.

    Args:
        network: `sample`, `mainnet`, `testnet`, `devnet`, or the URLs of nodes.
        cache: the folder for proven ledgers; None: `ekspiper/ledgers` in the user's cache folder;
            False: none.
        cache_bytes: how large the cache of one network may become.
        progress: whether long calls show a bar.
        concurrency: how many ledgers are requested at the same time; public servers get fewer.
        connect_timeout: seconds within which a node must answer.
        max_rows: how many rows a table may have, so that memory stays bounded.

    Raises:
        UnknownNetwork: there is no network of that name; the message lists those that exist.
    """

    def __init__(
        self,
        network: str | Sequence[str] = "sample",
        *,
        cache: str | Path | bool | None = None,
        cache_bytes: int = 2 * 1024**3,
        progress: bool = True,
        concurrency: int = 16,
        connect_timeout: float = 10.0,
        max_rows: int = 2_000_000,
    ) -> None:
        if concurrency < 1:
            raise ConfigError(f"concurrency must be at least 1, not {concurrency}")
        if connect_timeout <= 0:
            raise ConfigError(f"connect_timeout must be more than 0, not {connect_timeout}")
        given = _as_text(network)
        self.network: Network = find_network(given)
        self.progress = progress
        self.max_rows = max_rows
        self._session = Session(
            SessionOptions(
                network=given,
                found=self.network,
                cache=_cache_folder(cache),
                cache_bytes=cache_bytes,
                concurrency=concurrency,
                connect_timeout=connect_timeout,
                progress=progress,
            )
        )
        self._sync: SyncExplorer | None = None

    # Life.

    @property
    def sync(self) -> SyncExplorer:
        """The same methods, called without `await`."""
        from .sync_explorer import SyncExplorer

        if self._sync is None:
            self._sync = SyncExplorer(self)
        return self._sync

    async def close(self) -> None:
        """Disconnect; closing twice is fine."""
        await self._session.close()

    async def __aenter__(self) -> Self:
        self._session.check_open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> Self:
        self._session.check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sync.close()

    def __repr__(self) -> str:
        state = ", closed" if self._session.closed else ""
        return f"<Explorer of {self.network}{state}>"

    # Objects.

    async def ledger(
        self,
        which: int | str | date | None = None,
        *,
        signed: bool = False,
        trust: str | Sequence[str] = (),
        timeout: float = 60.0,
    ) -> LedgerView:
        """One ledger.

        Args:
            which: its index or hash; a time, for the ledger that was valid then; None: the newest.
            signed: prove it by the signatures of validators too: its own, or those of a later
                ledger to which headers lead. This waits for the next signed ledger.
            trust: whose signatures count, as in `trust`.
            timeout: seconds that this may take.

        Raises:
            OutOfHistory: it is in the future, before the history of the nodes, or unknown to them.
            EkspiperError: `signed`, and the validators signed another ledger, or none in time.
        """
        async with self._session.call() as reader:
            # Proven by its hashes first: signatures then say that it is this one.
            ledger = await reader.named(which)
            if not signed or reader.network is None:
                return LedgerView(ledger)
            given = [trust] if isinstance(trust, str) else list(trust)
            return LedgerView(
                ledger, proof=await prove(reader.network, ledger, trust=given, timeout=timeout)
            )

    async def transaction(self, which: str) -> TransactionView:
        """One transaction, by its hash or its ctid, out of its proven ledger.

        Raises:
            RequestError: the nodes do not know it.
            ConfigError: this is not a hash or a ctid, or the ledger has fewer transactions.
        """
        digits = _transaction_name(which)
        async with self._session.call() as reader:
            if len(digits) == 16:
                # It names ledger and place, so the nodes need no index of transactions.
                index, place, _ = parse_ctid(digits)
                return LedgerView(await reader.one(await reader.index_of(index))).transaction(place)
            command = {"command": "tx", "transaction": digits, "binary": True}
            # Only to find out its ledger: what is shown comes out of the proven one.
            found = await reader.pool.request(command)
            return LedgerView(await reader.one(int(found["ledger_index"]))).transaction(digits)

    async def book(
        self,
        base: str | Asset,
        counter: str | Asset,
        *,
        ledger: int | str | date | None = None,
    ) -> OrderBook:
        """The order book of a pair after a ledger: bids, asks, spread and depth.

        Args:
            base: what is bought and sold: `XRP`, `USD.rIssuer` or an MPT id.
            counter: what it is paid with.
            ledger: as in `ledger`.

        Raises:
            UnknownPair: there are no offers for this pair, in either direction.
        """

        pair = parse_pair((base, counter))
        async with self._session.call() as reader:
            proven = await reader.named(ledger)
            return await fetch_book(reader.pool, *pair, proven)

    # Tables.

    async def ledgers(self, ledgers: Ledgers = _NEWEST) -> Frame:
        """A row for each ledger: when it closed, how many transactions, what they paid in fees."""
        from ._table import ledger_table

        return await ledger_table(self._session, parse_query(ledgers), max_rows=self.max_rows)

    async def transactions(
        self, ledgers: Ledgers = _NEWEST, *, type: str | None = None, fields: bool = False
    ) -> Frame:
        """A row for each transaction.

        Args:
            ledgers: which ledgers.
            type: only transactions of this type, such as `Payment`.
            fields: add a column for every field that transactions of that type have.

        Raises:
            ConfigError: there is no transaction type of that name.
        """
        definitions = await self._session.definitions()
        tables.check_type(type, definitions)
        make = tables.with_fields if fields else tables.transactions.of_type
        frame = await self._table(ledgers, make(type, definitions))
        # Fields of all types together are hundreds, and most have no value in a few ledgers.
        return frame.dropna(axis="columns", how="all") if fields and type is None else frame

    async def payments(self, ledgers: Ledgers = _NEWEST) -> Frame:
        """A row for each payment that succeeded: what arrived, and what left the sender."""
        return await self._table(ledgers, tables.payments.TABLE)

    async def trades(
        self,
        ledgers: Ledgers = _NEWEST,
        *,
        pair: str | tuple[str | Asset, str | Asset] | None = None,
    ) -> Frame:
        """A row for each trade with an offer or a pool.

        Args:
            ledgers: which ledgers.
            pair: only trades of this pair, `XRP/USD.rIssuer` or a pair of assets, with prices in
                the second for one unit of the first.

        Raises:
            UnknownPair: the pair was not traded and has no order book; the message lists the pairs
                that were traded.
        """
        from ._table import pair_table

        if pair is None:
            return await self._table(ledgers, tables.trades.TABLE)
        return await pair_table(
            self._session, parse_query(ledgers), parse_pair(pair), max_rows=self.max_rows
        )

    async def balance_changes(
        self, ledgers: Ledgers = _NEWEST, *, account: str | None = None
    ) -> Frame:
        """A row for each change of a balance: XRP, tokens, MPTs; fees included.

        Args:
            ledgers: which ledgers.
            account: only of this account.

        Raises:
            ConfigError: the account is not an address.
        """
        if account is not None:
            _check_address(account)
        return await self._table(ledgers, tables.balance_changes.of_account(account))

    async def account(self, address: str, ledgers: Ledgers = _NEWEST) -> Frame:
        """The history of an account: a row for each transaction that touched it.

        Raises:
            ConfigError: this is not the address of an account.
        """
        _check_address(address)
        return await self._table(ledgers, tables.account.of_account(address))

    async def books(self, ledgers: Ledgers = "-20:", *, limit: int = 40) -> Frame:
        """A row for each order book that the ledgers touched, as it stood after the last of them:
        best bid and ask, spread, and the depth within 2 % of the middle.

        Args:
            ledgers: which ledgers.
            limit: how many books at most, the busiest first; each costs two requests.
        """
        if limit < 1:
            raise ConfigError(f"limit must be at least 1, not {limit}")
        async with self._session.call() as reader:
            first, last = await reader.resolve(parse_query(ledgers))
            pairs, proven = await busiest(reader.shown(first, last), limit=limit)
            return await fetch_summaries(reader.pool, pairs, proven, shown=self.progress)

    async def objects(
        self,
        type: str | Sequence[str] | None = None,
        *,
        ledger: int | str | date | None = None,
        limit: int | None = None,
    ) -> Frame:
        """The objects of a ledger, by type: a row each, a column for each field.

        Whatever the type, all pages of the state are read. On mainnet that is many gigabytes, so
        give a `limit` there. A state that was read to its end is proven by the ledger's hash, and
        `attrs["verified"]` is true.

        Args:
            type: a ledger entry type such as `Offer` or `AMM`, or several; None: all.
            ledger: as in `ledger`.
            limit: stop after this many objects.

        Raises:
            ConfigError: there is no ledger entry type of that name.
            TooManyRows: there are more objects than `max_rows`, and no limit was given.
        """
        from ._object_reader import ObjectReader

        types = [type] if isinstance(type, str) else type
        async with self._session.call() as reader:
            proven = await reader.named(ledger)
            objects = ObjectReader(reader.pool, proven, types, limit, max_rows=self.max_rows)
            return await objects.read(progress=self.progress)

    async def trust(
        self, ledgers: int = 10, *, trust: str | Sequence[str] = (), timeout: float = 60.0
    ) -> TrustView:
        """Who is trusted to sign ledgers, and who signed the next ones as they close.

        Args:
            ledgers: for how many to listen.
            trust: as `--trust` on the command line, `KEY=LIST` or the file of validators' keys; by
                default the publishers of the network.
            timeout: seconds after which what was heard is shown.

        Raises:
            ConfigError: no publisher is known for this network.
            EkspiperError: no ledger was signed in time; says why.
        """
        given = [trust] if isinstance(trust, str) else list(trust)
        return await listen(self._session, ledgers=ledgers, trust=given, timeout=timeout)

    async def backfill(
        self,
        ledgers: Ledgers,
        folder: str | Path,
        *,
        format: str = "parquet",
        client: Any | None = None,
    ) -> BackfillReport:
        """Write transactions and ledgers to files, as `ekspiper backfill` does.

        Ledgers that the folder holds are not fetched again, so a backfill that was interrupted
        continues where it stopped.

        Args:
            ledgers: which ledgers.
            folder: where `transactions` and `ledgers` are written; created if it does not exist.
            format: `parquet`, or `jsonl` for JSON lines.
            client: a `dask.distributed.Client`, whose workers fetch the ledgers in chunks, to
                Parquet. They must see `folder` under the same path.

        Raises:
            ConfigError: the folder cannot be written to, or belongs to something else.
        """
        from ._backfill import backfill, backfill_by_chunks

        if client is not None and format != "parquet":
            raise ConfigError("the workers of a cluster write Parquet; leave `format` out")
        async with self._session.call() as reader:
            first, last = await reader.resolve(parse_query(ledgers))
            if client is not None:
                return await backfill_by_chunks(
                    self.network,
                    reader.pool,
                    first,
                    last,
                    folder,
                    client=client,
                    shown=self.progress,
                )
            return await backfill(
                reader.pool, first, last, Path(folder), format=format, shown=self.progress
            )

    async def _table(self, ledgers: Ledgers, table: tables.TransactionTable) -> Frame:
        from ._table import transaction_table

        return await transaction_table(
            self._session, parse_query(ledgers), table, max_rows=self.max_rows
        )

    # Streams and pipelines.

    def follow(self, ledgers: int | None = None, *, pace: float | None = None) -> Follow:
        """New ledgers as they close, each proven: iterate over it, or `await follow(10).show()`.

        Args:
            ledgers: how many; None: until you stop, or the sample ends.
            pace: the fewest seconds between two ledgers; None: 0.2 s on the sample, otherwise 0.
        """

        self._session.check_open()
        if ledgers is not None and ledgers < 1:
            raise ConfigError(f"follow at least 1 ledger, not {ledgers}; None follows without end")
        # The sample closes its ledgers as fast as they are read: too fast to watch.
        wait = _SAMPLE_PACE if pace is None and self.network.name == "sample" else pace or 0.0
        return Follow(
            lambda: new_ledgers(self._session, count=ledgers, pace=wait), name=self.network.name
        )

    def source(self, ledgers: Ledgers | None = None, *, of: Of = "transactions") -> ExplorerSource:
        """Records, as the source of your own pipeline.

        Args:
            ledgers: which ledgers; None: new ones as they close.
            of: records of `transactions` or of `ledgers`.
        """

        self._session.check_open()
        query = None if ledgers is None else parse_query(ledgers)
        name = f"{of} of {query.text if query else 'new ledgers'}"

        def opened(first: int | None) -> AsyncGenerator[Ledger]:
            if query is None:
                return new_ledgers(self._session, first=first)
            return old_ledgers(self._session, query, first=first)

        return ExplorerSource(opened, of=of, name=name, identity=f"{self.network}, {name}")

    def start(self, pipeline: Pipeline, **options: Unpack[RunOptions]) -> RunningPipeline:
        """Run a pipeline in the background, on the running event loop.

        Args:
            pipeline: any pipeline; `source` gives sources for it.
            options: see `RunOptions`: `checkpoint`, `dead_letters`, ...
        """
        self._session.check_open()
        return RunningPipeline(pipeline, options)

    async def run(self, pipeline: Pipeline, **options: Unpack[RunOptions]) -> Report:
        """Run a pipeline to its end, and show its counters while it runs.

        Args:
            pipeline: any pipeline.
            options: see `RunOptions`.
        """
        running = self.start(pipeline, **options)
        try:
            if self.progress:
                await running.watch()
            return await running
        finally:
            # An interrupt of `watch` must not leave the run behind: nobody has it in hand.
            await running.abandon()


def _as_text(network: Any) -> str:
    """Nodes as the command line gives them, with commas between them."""
    listed = [network] if isinstance(network, str) else network
    if not isinstance(listed, Sequence) or not all(isinstance(each, str) for each in listed):
        raise ConfigError(f"a network is a name or the URLs of nodes, as text, not {network!r}")
    return ",".join(listed)


def _cache_folder(given: str | Path | bool | None) -> Path | None:
    if given is False:
        return None
    return default_cache_folder() if given is None or given is True else Path(given)


def _check_address(address: str) -> None:
    try:
        decode_address(address)
    except CodecError as error:
        raise ConfigError(f"{error}; give the address of an account, r...") from None


def _transaction_name(which: str) -> str:
    digits = str(which).strip().upper()
    if len(digits) not in (16, 64) or set(digits) - set("0123456789ABCDEF"):
        raise ConfigError(
            f"{which!r} is not a transaction: give its hash (64 hex digits) or its ctid (C and 15)"
        )
    return digits
