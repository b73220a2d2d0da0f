"""The state of a daemon as one JSON document: what `/status` answers, and what the page shows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from ekspiper.core import Flow, Queue, Run, Statistics
from ekspiper.xrpl.attestation import Notary
from ekspiper.xrpl.client import NodePool, NodeStatus, redact
from ekspiper.xrpl.config import Settings

from ...daemon_status import last_letters
from ...flows import ROOT
from .history import History

__all__ = ["Parts", "Status"]

_TRANSACTIONS = "transaction-record/etl"


class Parts(Protocol):
    """What a daemon consists of; each is None before it is there."""

    @property
    def pool(self) -> NodePool | None:
        """The nodes."""

    @property
    def run(self) -> Run | None:
        """What runs on them."""

    @property
    def notary(self) -> Notary | None:
        """What proves ledgers by signatures."""


class Status:
    """Describes a daemon at any moment of its life.

    Args:
        settings: its configuration; secrets are shown as `***`.
        daemon: its nodes and its run, as far as there are any by now.
        history: its last minutes.
        letters: the file of its dead letters; None where they go elsewhere.

    Attributes:
        flows: of the run.
    """

    def __init__(
        self,
        settings: Settings,
        daemon: Parts,
        *,
        history: History,
        letters: Path | None = None,
    ) -> None:
        self.network = settings.network_name or ""
        self.letters = letters
        self.flows: Sequence[Flow] = ()
        self.history = history
        self._settings = settings
        self._daemon = daemon
        self._began = time.time()

    def transactions(self) -> int:
        """How many transactions were recorded in this run."""
        step = self._statistics().steps.get(_TRANSACTIONS) if self._daemon.run is not None else None
        return step.items_out if step is not None else 0

    def lag(self) -> float | None:
        """The age of what the slowest collector has kept, in seconds; None while unknown."""
        if self._daemon.run is None:
            return None
        lags = [each.lag for each in self._statistics().collectors.values()]
        return max((lag for lag in lags if lag is not None), default=None)

    async def document(self, reasons: list[str]) -> dict[str, Any]:
        """Everything there is to say, as JSON.

        Args:
            reasons: why the daemon is not ready.
        """
        # In a thread: the file may lie on a disk that hangs.
        letters = await asyncio.to_thread(last_letters, self.letters)
        return {
            "version": version("ekspiper-xrpl"),
            "network": self.network or None,
            "state": self._state(),
            "state_folder": str(folder.resolve())
            if (folder := self._settings.state_folder)
            else None,
            "ready": not reasons,
            "reasons": reasons,
            "started": _iso(self._began),
            "now": _iso(time.time()),
            "ledger": self._ledger(),
            "transactions": self.transactions(),
            "rate": self._rate(),
            "nodes": [_node(node) for node in self._daemon.pool.nodes()]
            if self._daemon.pool
            else [],
            "pipeline": self._pipeline(),
            "dead_letters": {
                "count": self._dead_letters(),
                "file": str(self.letters) if self.letters else None,
                "last": letters,
            },
            "history": {
                "every": self.history.every,
                "rate": [round(sample.rate, 2) for sample in self.history.samples],
                "lag": [sample.lag for sample in self.history.samples],
            },
            "configuration": _configuration(self._settings),
        }

    def _statistics(self) -> Statistics:
        run = self._daemon.run
        assert run is not None
        return run.statistics()

    def _state(self) -> str:
        return "starting" if self._daemon.run is None else self._daemon.run.state

    def _rate(self) -> float:
        samples = self.history.samples
        return round(samples[-1].rate, 2) if samples else 0.0

    def _ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "network": self._daemon.pool.newest_ledger or None if self._daemon.pool else None,
            "kept": None,
            "read": 0,
            "open": 0,
            "source_lag": None,
            "lag": self.lag(),
            "proven": self._proven(),
            "signed": self._daemon.notary.newest_signed if self._daemon.notary else None,
        }
        if self._daemon.run is None or (source := self._statistics().sources.get(ROOT)) is None:
            return found
        # Before anything is settled the position is where the run began, and nothing of this run.
        settled = source.kept + source.dead_lettered + source.dropped
        return {
            **found,
            "kept": source.position if settled else None,
            "read": source.read,
            "open": source.read - settled,
            "source_lag": source.lag,
        }

    def _proven(self) -> str:
        if self._daemon.notary is not None:
            return "signed"
        return "hashed" if self._settings.pipeline.verify else "not verified"

    def _dead_letters(self) -> int:
        """Of this run."""
        if self._daemon.run is None:
            return 0
        statistics = self._statistics()
        of_steps = sum(step.dead_letters for step in statistics.steps.values())
        return of_steps + sum(each.dead_letters for each in statistics.collectors.values())

    def _pipeline(self) -> list[dict[str, Any]]:
        """Each flow, with what its queues hold and what its collectors have kept."""
        if self._daemon.run is None:
            return []
        statistics = self._statistics()
        return list(_flows(self.flows, statistics))


def _flows(flows: Sequence[Flow], statistics: Statistics) -> Iterator[dict[str, Any]]:
    for flow in flows:
        steps = []
        for step in flow.steps:
            place = f"{flow.name}/{step.name}"
            counted = statistics.steps.get(place)
            steps.append(
                {
                    "name": step.name,
                    "in": counted.items_in if counted else 0,
                    "out": counted.items_out if counted else 0,
                    "retries": counted.retries if counted else 0,
                    "problem": counted.failing if counted else None,
                    "to": [_target(each, place, statistics) for each in step.collectors],
                }
            )
        source = flow.source.name if isinstance(flow.source, Queue) else None
        yield {"name": flow.name, "queue": source, "steps": steps}


def _target(each: Any, place: str, statistics: Statistics) -> dict[str, Any]:
    if isinstance(each, Queue):
        filled = statistics.queues.get(each.name)
        return {
            "queue": each.name,
            "items": filled.items if filled else 0,
            "limit": each.max_items,
            "bytes": filled.bytes if filled else 0,
            "bytes_limit": each.max_bytes,
        }
    kept = statistics.collectors.get(f"{place}/{each.name}")
    return {
        "collector": each.name,
        "type": type(each.collector).__name__,
        "items": kept.items if kept else 0,
        "bytes": kept.bytes if kept else 0,
        "retries": kept.retries if kept else 0,
        "dead_letters": kept.dead_letters if kept else 0,
        "lag": kept.lag if kept else None,
        "problem": kept.problem if kept else None,
    }


def _node(node: NodeStatus) -> dict[str, Any]:
    return {
        "url": node.url,
        "state": node.state,
        "problem": node.problem if node.state != "ready" else "",
        "kind": node.kind,
        "version": node.version,
        "ledgers": str(node.ledgers),
        "newest": node.ledgers.last or None,
        "latency": node.latency,
        "in_flight": node.in_flight,
        "requests": node.requests,
        "errors": node.errors,
        "reconnects": node.reconnects,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _configuration(settings: Settings) -> dict[str, Any]:
    given = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    given["network"] = ",".join(map(_shown_node, settings.network.split(",")))
    shown: dict[str, Any] = {name: _shown(value) for name, value in given.items()}
    shown["network"] = given["network"]
    return shown


def _shown_node(text: str) -> str:
    return redact(text.strip()) if "://" in text else text


def _shown(value: Any) -> Any:
    """A value of the configuration as anybody may see it."""
    if isinstance(value, Mapping):
        # The table of a secret: even the name of its variable or file says something.
        if set(value) <= {"env", "file"} and value:
            return "***"
        return {name: _shown(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shown(each) for each in value]
    # What looks like a URL may have a password in it, wherever it stands.
    return redact(value) if isinstance(value, str) and "://" in value else value
