"""A real PostgreSQL server, started by the tests and gone with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

PASSWORD = "not-to-be-shown"


class Server:
    """One database cluster in a folder, on a port of its own. Anyone on this machine may log in
    as `postgres`; `reader` needs a password."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries = binaries
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-N")
        (self.folder / "data" / "pg_hba.conf").write_text(
            "host all reader 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
        )

    def start(self) -> None:
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c shared_buffers=16MB -c max_connections=20"
        )
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def kill(self) -> None:
        """SIGKILL for the server and all its processes, as when the machine fails."""
        leader = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        tasks = Path(f"/proc/{leader}/task/{leader}/children")
        children = [int(each) for each in tasks.read_text().split()]
        for process in (leader, *children):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in (leader, *children):
            while _runs(process):
                time.sleep(0.01)
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.binaries / program), *arguments]
        user = "postgres" if os.geteuid() == 0 else None
        result = subprocess.run(
            command,
            cwd=self.folder,
            user=user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        )
        assert result.returncode == 0, (result.stderr or b"").decode()


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _binaries() -> Path:
    on_path = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if on_path is None and not installed:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return Path(on_path or installed[-1]).parent


@pytest.fixture(scope="session")
def cluster() -> Iterator[Server]:
    """A server for all tests; not in pytest's folder, where its user may not go."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="ekspiper-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    server = Server(binaries, folder)
    try:
        server.create()
        server.start()
        server.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(cluster: Server) -> Iterator[Server]:
    """The server, running, without any table."""
    yield cluster
    cluster.execute("DROP SCHEMA public CASCADE")
    cluster.execute("CREATE SCHEMA public")
