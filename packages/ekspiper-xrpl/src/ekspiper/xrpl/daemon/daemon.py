"""Runs the flows on a network until it is stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING, Protocol

from ekspiper.core import (
    Checkpoint,
    CommitPolicy,
    ConfigError,
    Instruments,
    Pipeline,
    Report,
    RetryPolicy,
    Run,
    Statistics,
    draining_on_signals,
    registry,
)
from ekspiper.xrpl.attestation import Notary, SignedLedgers
from ekspiper.xrpl.config import Settings
from ekspiper.xrpl.processors import DriftReport, FetchLedger, LedgerLink, TransactionEtl
from ekspiper.xrpl.sources import LedgerStream

from ..coverage import links
from ..daemon_status import advertised
from ..flows import ROOT, ledger_pipeline
from ..ledger_watch import watching_ledgers
from ..networks import CUSTOM, find_network
from ..open_network import OpenNetwork, open_network
from ..output_folder import OutputFolder
from ._adoption_advice import advising_adoption
from ._collectors import record_collectors
from ._monitor import Monitor
from ._readiness import Readiness
from ._signing import signing
from ._status import History, Status
from .dead_letters import dead_letter_collector, dead_letter_file

if TYPE_CHECKING:
    from ._http_server import HttpServer

__all__ = ["Daemon", "Outcome", "Watching"]

log = logging.getLogger("ekspiper")

# Where Prometheus exporters of pipelines are by custom.
_PORT = 9464

# What the first call that fails would load. A daemon has it from the start: it may have been upgraded on
# disk by then, and its event loop should not wait for a disk.
_NEEDED_BY_FAILURES = ("tenacity",)

# Seconds that nodes may be too busy for a ledger, however short `ledger_timeout` is.
_SHORTEST_RETRY = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a daemon ended.

    Attributes:
        network: the name of the network.
        settings: that it ran with.
        report: of the run.
        statistics: of the run, at its end.
        drift: what did not fit the schema.
        signed: by at least how many of how many validators every ledger is signed, such as
            `4 of 5`; empty where only hashes were checked.
    """

    network: str
    settings: Settings
    report: Report
    statistics: Statistics
    drift: DriftReport
    signed: str = ""


class Watching(Protocol):
    """Shows a daemon while it runs."""

    def watching(
        self, run: Run, *, first: int | None, last: int | None, is_recording: bool
    ) -> AbstractContextManager[None]:
        """Show `run` for as long as the context lasts.

        Args:
            first: the first ledger it reads, where that is known.
            last: the ledger it ends with; None: it follows the network.
            is_recording: its ledgers are old, so their age says nothing.
        """


class Daemon:
    """The pipeline from a network to its collectors.

    Args:
        settings: the whole configuration.
        progress: shows it while it runs.
        adopt: resume from a checkpoint that was taken with other collectors or flows.

    Raises:
        ConfigError: the folder of the state cannot be written to, or belongs to another command;
            or `adopt` is set without a folder that has a checkpoint.
    """

    def __init__(
        self, settings: Settings, *, progress: Watching | None = None, adopt: bool = False
    ) -> None:
        folder = settings.state_folder
        if adopt and folder is None:
            raise ConfigError(
                "there is no checkpoint to adopt: give its folder with --out DIR or --state DIR"
            )
        self.settings = settings
        self._adopt = adopt
        self._progress = progress
        self._readiness = Readiness(
            sink_patience=settings.http.sink_patience,
            network_patience=settings.http.network_patience,
        )
        self._status = Status(settings, self._readiness, history=History())
        self._instruments = registry.load("instruments", "prometheus")()
        self._folder = (
            OutputFolder(
                folder, command="daemon", option=settings.state_option, tables=settings.tables
            )
            if folder is not None
            else None
        )

    async def run(self) -> Outcome:
        """Run until the last ledger, or until a signal.

        Raises:
            ConfigError: an option cannot be used, or another daemon uses the folder.
            EkspiperError: the pipeline failed.
        """
        settings = self.settings
        for name in _NEEDED_BY_FAILURES:
            import_module(name)
        async with AsyncExitStack() as stack:
            if self._folder is not None:
                # Everything below writes into the folder, the URL of the status page included.
                stack.enter_context(self._folder.locked())
            if settings.http.enabled:
                # Before the rest: a port in use must end the start before anything is read.
                await self._listen(stack)
            # Before the nodes, which may take hours: systemd and /metrics want to know meanwhile.
            monitor = Monitor(
                self._readiness,
                self._instruments,
                state=settings.state_folder,
                status=self._status,
            )
            stack.enter_context(monitor.watching())
            first = await self._begins_at()
            network = await stack.enter_async_context(
                open_network(
                    settings.network,
                    follow=True,
                    start_at=first,
                    watching=self._readiness.connecting,
                    # Nodes fill their gaps after an outage, and a daemon has time.
                    wait_for_gaps=True,
                    ledger_timeout=settings.ledger_timeout,
                    name=settings.network_name,
                    **settings.node.model_dump(exclude={"ledger_timeout"}),
                )
            )
            self._tell_name(network.name)
            self._status.network = network.name
            self._status.letters = dead_letter_file(settings, network=network.name)
            notary = await stack.enter_async_context(
                signing(settings, network, self._folder, self._instruments)
            )
            return await self._follow(network, first or network.first, notary)

    async def _listen(self, stack: AsyncExitStack) -> None:
        server = self._http_server()
        await stack.enter_async_context(server)
        stack.enter_context(advertised(self.settings.state_folder, server.url))
        log.info("listening on %s: the status page, /status /health /ready /metrics", server.url)
        if not _is_loopback(server.host):
            log.warning(
                "anybody who can reach %s can read the status page: nodes, dead letters and the "
                "configuration, with *** for secrets",
                server.url,
            )

    def _http_server(self) -> HttpServer:
        from ._http_server import (
            HttpServer,  # aiohttp is a third of the start; `--http off` needs none
        )

        http = self.settings.http
        port = http.port
        if port is None:
            # A first try on the sample must not fail because a daemon already runs here.
            port = 0 if self.settings.network == "sample" else _PORT
        return HttpServer(
            http.host,
            port,
            exposition=self._instruments.exposition,
            not_ready=self._readiness.reasons,
            status=lambda: self._status.document(self._readiness.reasons()),
        )

    async def _follow(
        self, network: OpenNetwork, first: int | None, notary: Notary | None
    ) -> Outcome:
        settings = self.settings
        if self._folder is not None:
            self._folder.keep_definitions(network.definitions)
        known = await self._links_before(first)
        instruments: Instruments = self._instruments
        etl = self.etl(network, instruments)
        pipeline = self.pipeline(network, etl, known=known, notary=notary)
        self._status.flows = pipeline.flows
        run = pipeline.start(
            checkpoint=self._checkpoint(),
            adopt=self._adopt,
            commit=CommitPolicy(
                items=settings.pipeline.commit_items, seconds=settings.pipeline.commit_seconds
            ),
            dead_letters=dead_letter_collector(settings, network=network.name),
            instruments=instruments,
            drain_timeout=settings.pipeline.drain_timeout,
            sink_patience=settings.http.sink_patience,
        )
        self._readiness.running(network.pool, run, notary)
        timeout = settings.ledger_timeout
        with (
            advising_adoption(settings.state_option),
            draining_on_signals(run),
            watching_ledgers(network.pool, instruments, timeout=timeout),
            self._watching(run, network, first),
        ):
            report = await run.finish()
        return Outcome(
            network=network.name,
            settings=settings,
            report=report,
            statistics=run.statistics(),
            drift=etl.report(),
            signed=notary.quorum if notary is not None else "",
        )

    def _watching(
        self, run: Run, network: OpenNetwork, first: int | None
    ) -> AbstractContextManager[None]:
        if self._progress is None:
            return nullcontext()
        last = self.settings.until or network.last
        return self._progress.watching(
            run, first=first, last=last, is_recording=network.last is not None
        )

    def etl(self, network: OpenNetwork, instruments: Instruments) -> TransactionEtl:
        """The processor that makes the records of transactions, and counts what does not fit."""
        return TransactionEtl(
            network.definitions,
            network_id=network.pool.network_id or 0,
            strict=self.settings.pipeline.strict,
            instruments=instruments,
        )

    def pipeline(
        self,
        network: OpenNetwork,
        etl: TransactionEtl,
        *,
        known: Sequence[LedgerLink] = (),
        notary: Notary | None = None,
    ) -> Pipeline:
        """The flows on a network, with the collectors of the configuration.

        Args:
            known: ledgers read before, which the first ones must fit.
            notary: proves ledgers by signatures; without it, hashes alone are checked.
        """
        settings = self.settings
        if network.last is not None and (settings.until or 0) > network.last:
            raise ConfigError(f"--until: the {network.name} network ends at ledger {network.last}")
        stream = LedgerStream(
            network.pool,
            start=settings.from_ledger or network.first,
            until=settings.until or network.last,
        )
        # A signed ledger exists: one that no node serves is waited for, and never a dead letter.
        longest = max(_SHORTEST_RETRY, settings.ledger_timeout) if notary is None else None
        return ledger_pipeline(
            stream if notary is None else SignedLedgers(stream, notary),
            fetch_ledger=FetchLedger(
                network.pool,
                verify=settings.pipeline.verify,
                definitions=network.definitions,
                known=known,
            ),
            pool=network.pool,
            collectors=record_collectors(settings, network=network.name),
            etl=etl,
            fetch_concurrency=settings.pipeline.fetch_concurrency,
            fetch_retry=RetryPolicy(elapsed=longest),
            books_concurrency=settings.pipeline.books_concurrency,
        )

    async def _begins_at(self) -> int | None:
        """The first ledger it will read, where that is known before a node says anything."""
        progress = await self._folder.checkpoint.load() if self._folder is not None else None
        flow = progress.flows.get(ROOT) if progress is not None else None
        known = int(flow.position) + 1 if flow is not None and flow.position is not None else None
        self._tell_state(known)
        return self.settings.from_ledger if known is None else known

    async def _links_before(self, first: int | None) -> list[LedgerLink]:
        """The place in the chain of the ledger read last, where its record is in a file here."""
        if self._folder is None or self.settings.out is None or first is None:
            return []
        return await asyncio.to_thread(links, self._folder, {first - 1})

    def _tell_name(self, name: str) -> None:
        """Say what `{network}` stands for where only the nodes could say it."""
        settings = self.settings
        found = find_network(settings.network)
        used = "{network}" in str((settings.collectors, settings.dead_letters))
        if found.name != CUSTOM or settings.network_name is not None or not used:
            return
        if name == CUSTOM:
            log.info(
                "{network} is custom: no node says that it is of mainnet, testnet or devnet; "
                "network_name in the configuration gives the network another name"
            )
        else:
            log.info("{network} is %s, as the nodes say", name)

    def _tell_state(self, known: int | None) -> None:
        """Say where the state is, and at which ledger it resumes."""
        settings = self.settings
        if self._folder is None:
            log.info(
                "no checkpoint: records go to standard output, and a restart starts over; "
                "--out DIR writes files and resumes where it stopped, --state DIR only resumes"
            )
            return
        is_given = settings.out is not None or settings.state is not None
        hint = "" if is_given else " (another with --state DIR)"
        stands = f"resuming at ledger {known}" if known is not None else self._beginning()
        log.info("state in %s%s: %s", self._folder.path, hint, stands)

    def _beginning(self) -> str:
        if self.settings.from_ledger is not None:
            return f"beginning at ledger {self.settings.from_ledger}"
        which = "first" if self.settings.network == "sample" else "newest"
        return f"beginning at the {which} ledger"

    def _checkpoint(self) -> Checkpoint | None:
        return self._folder.checkpoint if self._folder is not None else None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
