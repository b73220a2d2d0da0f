"""Ports for servers that start, or start again, at a port that is known before."""

from __future__ import annotations

import os
import random
import socket
from itertools import cycle
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST = 15_000
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")


def _order() -> list[int]:
    """The ports of this worker in its own order.

    The system gives ports of its own range to every connection and to every listener on port 0.
    One of those can be gone again between its choice and its use, or while a server restarts. So
    these ports lie below that range. Test workers side by side take turns: each has every eighth.
    """
    above = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    ports = list(range(_FIRST + int(_WORKER) % 8, above, 8))
    random.SystemRandom().shuffle(ports)
    return ports


_ports = _order()
_turns = cycle(_ports)


def free_port() -> int:
    """A port on the loopback interface that nobody listens on, and that no other test has now."""
    for _ in _ports:
        port = next(_turns)
        with socket.socket() as trial:
            # As servers do: connections that linger from an earlier listener are not in the way.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no port from {_FIRST} on is free")
