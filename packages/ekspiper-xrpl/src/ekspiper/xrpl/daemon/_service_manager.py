"""What the daemon tells systemd, where systemd started it: ready, stopping, still alive."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

__all__ = ["ServiceManager"]

log = logging.getLogger("ekspiper")


class ServiceManager:
    """Sends notifications as `sd_notify` does; does nothing where nobody asked for them.

    Args:
        environ: `NOTIFY_SOCKET` in it names the socket that takes them.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # An abstract socket is written with @, and its address begins with a zero byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def started(self) -> None:
        """The configuration holds, and the daemon follows the network or waits for it."""
        self._tell("READY=1")

    def alive(self, status: str) -> None:
        """The event loop runs. systemd restarts a daemon that has not said so for `WatchdogSec`.

        Args:
            status: shown by `systemctl status`.
        """
        self._tell("WATCHDOG=1", f"STATUS={' '.join(status.split())}")

    def stopping(self) -> None:
        """It was told to stop, and drains."""
        self._tell("STOPPING=1")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
                # The socket's buffer may be full, and the event loop must not wait for it.
                to.setblocking(False)
                to.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            # The daemon must not end because systemd does not listen.
            log.debug("systemd cannot be told %s: %s", lines[0], error)
