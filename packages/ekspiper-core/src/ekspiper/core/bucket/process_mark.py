"""Which process has something, so that another one can tell whether it is still alive."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessMark"]


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process, as others see it. On one machine, a dead one can be told from one that lives.

    Attributes:
        host: the name of its machine.
        pid: its number there.
        where: the machine since it was started, and the space of process numbers; empty where
            the system does not say.
        began: when the process was started, as the system counts it.
    """

    host: str
    pid: int
    where: str = ""
    began: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    @classmethod
    def own(cls) -> ProcessMark:
        """The mark of this process."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _where(), _began(pid))

    @property
    def is_dead(self) -> bool:
        """Whether it is certain that the process has ended; of another machine it never is."""
        return bool(self.where) and self.where == _where() and _began(self.pid) != self.began

    @property
    def is_alive(self) -> bool:
        """Whether it is certain that the process runs."""
        return bool(self.where) and self.where == _where() and _began(self.pid) == self.began


def _where() -> str:
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        # Process numbers mean something only until the next start, and within one container.
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _began(pid: int) -> str:
    with suppress(OSError, IndexError):
        # The name of the program, in parentheses, may hold spaces and parentheses itself.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        # A zombie has ended. The 22nd field is the start time, by which a number that was given
        # again is told apart.
        return "" if fields[0] == "Z" else fields[19]
    return ""
