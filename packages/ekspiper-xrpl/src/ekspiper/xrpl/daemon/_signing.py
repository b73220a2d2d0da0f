"""Makes the daemon record signed ledgers only, wherever it is known whose signatures count."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ekspiper.core import Instruments, Metric
from ekspiper.xrpl.attestation import (
    ARCHIVE_NAME,
    HeaderReader,
    ListStore,
    Notary,
    ProofArchive,
    clock_of,
)
from ekspiper.xrpl.config import Settings
from ekspiper.xrpl.open_network import OpenNetwork
from ekspiper.xrpl.output_folder import OutputFolder
from ekspiper.xrpl.trust import Verdict
from ekspiper.xrpl.trustees import read_trust, trustees_of

__all__ = ["SIGNING_METRICS", "signing"]

log = logging.getLogger("ekspiper")

_EVERY = 1.0
_LISTS = "lists"

VALIDATIONS = Metric(
    "ekspiper_validations_total",
    "counter",
    ("result",),
    "validations",
    "Validations heard: counted, or why they do not count",
)
QUORUM = Metric(
    "ekspiper_quorum_seconds",
    "histogram",
    (),
    "seconds",
    "Time from the first validation of a ledger to its quorum",
)
SIGNED = Metric(
    "ekspiper_signed_ledger_index", "gauge", (), "index", "Newest ledger that has a quorum"
)
BEHIND = Metric(
    "ekspiper_validator_behind_ledgers",
    "gauge",
    ("validator",),
    "ledgers",
    "Ledgers signed by a quorum since a trusted validator signed its last",
)
SIGNERS = Metric(
    "ekspiper_signers",
    "gauge",
    (),
    "validators",
    "Validators in the newest quorum when it was reached",
)
EXPIRES = Metric(
    "ekspiper_validator_list_expires_seconds",
    "gauge",
    (),
    "seconds",
    "Time until the first of the validator lists that hold expires",
)

SIGNING_METRICS = (VALIDATIONS, QUORUM, SIGNED, SIGNERS, BEHIND, EXPIRES)


@asynccontextmanager
async def signing(
    settings: Settings,
    network: OpenNetwork,
    folder: OutputFolder | None,
    instruments: Instruments,
) -> AsyncIterator[Notary | None]:
    """The notary of the network for as long as the context lasts; None where hashes suffice."""
    trustees = trustees_of(read_trust(settings.trust), network)
    if not trustees:
        log.info("only hashes are checked: %s", _why_hashed(settings))
        yield None
        return
    log.info("ledgers are recorded when they are signed; trusting %s", trustees)
    cache = folder.checkpoint.path.parent / _LISTS if folder is not None else None
    archive = ProofArchive(folder.path / ARCHIVE_NAME) if folder is not None else None
    lists = ListStore(trustees, cache=cache, clock=clock_of(network))
    notary = Notary(
        network.pool,
        trustees,
        lists,
        archive=archive,
        each=settings.keep_proofs == "each",
        headers=HeaderReader(network.pool),
        patience=settings.http.network_patience,
    )
    async with notary:
        metrics = _Metrics(notary, lists, instruments)
        publishing = asyncio.create_task(metrics.publish())
        try:
            yield notary
        finally:
            publishing.cancel()


def _why_hashed(settings: Settings) -> str:
    if read_trust(settings.trust).mode == "hashed":
        return 'trust = "hashed"'
    return (
        "no publisher of validator lists is known for this network; --trust KEY=LIST names one, "
        "and then ledgers are proven to the validators' signatures"
    )


class _Metrics:
    """Publishes what a notary hears."""

    def __init__(self, notary: Notary, lists: ListStore, instruments: Instruments) -> None:
        self._notary = notary
        self._lists = lists
        self._instruments = instruments
        self._counted: dict[str, int] = {}
        notary.observers.append(self._observe)

    def _observe(self, verdict: Verdict, latency: float) -> None:
        self._instruments.instrument(QUORUM).record(latency)
        self._instruments.instrument(SIGNERS).record(len(verdict.signers))

    async def publish(self) -> None:
        """Once a second."""
        while True:
            self._publish()
            await asyncio.sleep(_EVERY)

    def _publish(self) -> None:
        for result, total in self._notary.counts.items():
            series = self._instruments.instrument(VALIDATIONS, result=result)
            series.record(total - self._counted.get(result, 0))
            self._counted[result] = total
        newest = self._notary.newest_signed
        self._instruments.instrument(SIGNED).record(newest)
        for validators, last_seen in self._notary.validators():
            for master in validators.masters():
                name = validators.describe_signer(master)
                # A validator that was never heard is as far behind as can be, and its series
                # exists: an alert needs it.
                behind = newest - last_seen[master] if master in last_seen else newest
                self._instruments.instrument(BEHIND, validator=name).record(max(0, behind))
        expiration = self._notary.expiration()
        if expiration is not None:
            self._instruments.instrument(EXPIRES).record(expiration - self._lists.now())
