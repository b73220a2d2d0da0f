"""A real PostgreSQL server, started by the tests and gone with them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ...ports import free_port

PASSWORD = "not-to-be-shown"


class Cluster:
    """A server in a folder, on its own port, over a socket in that folder and over TCP."""

    def __init__(self, binaries: Path, folder: Path) -> None:
        self.binaries = binaries
        self.folder = folder
        self.port = free_port()

    def dsn(self, database: str) -> str:
        return f"host={self.folder} port={self.port} user=postgres dbname={database}"

    def create(self) -> None:
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8")
        (self.folder / "data" / "pg_hba.conf").write_text(
            "host all reader 127.0.0.1/32 scram-sha-256\n"
            "host all all 127.0.0.1/32 trust\nlocal all all trust\n"
        )

    def start(self, **other: str) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "shared_buffers": "32MB",
            "max_connections": 20,
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
        } | other
        options = " ".join([f"-p {self.port}", *(f"-c {k}={v}" for k, v in settings.items())])
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    @property
    def leader(self) -> int:
        """The process that the others are children of."""
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def kill(self) -> None:
        """SIGKILL for the server and all its processes, as when the machine fails."""
        tasks = Path(f"/proc/{self.leader}/task/{self.leader}/children")
        processes = [self.leader, *map(int, tasks.read_text().split())]
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while any(map(_runs, processes)):
            time.sleep(0.01)
        # The process may stay a zombie, and then looks to the next server as if it ran.
        for lock in ("data/postmaster.pid", f".s.PGSQL.{self.port}.lock"):
            (self.folder / lock).unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [str(self.binaries / program), *arguments],
            cwd=self.folder,
            user="postgres" if os.geteuid() == 0 else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
        )
        log = self.folder / "log"
        told = result.stderr or (log.read_bytes()[-2000:] if log.exists() else b"")
        assert result.returncode == 0, told.decode()


class Database:
    """The database of the tests, empty for each."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.dsn = cluster.dsn(name)

    def over_tcp(self, user: str = "postgres", password: str = "") -> str:
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@127.0.0.1:{self.cluster.port}/{self.name}"

    def execute(self, statement: str) -> list[Any]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description is not None else []

    def shut(self) -> None:
        """Let nobody in, and throw out who is."""
        self._outside(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
        self.throw_out()

    def reopen(self) -> None:
        """Undo `shut`."""
        self._outside(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")

    def throw_out(self) -> None:
        """End every connection."""
        self._outside(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            f"WHERE datname = '{self.name}'"
        )

    def clean(self) -> None:
        """Remove everything in it. Quicker than another database."""
        self._outside(f"ALTER DATABASE {self.name} RESET ALL")
        self.reopen()
        self.throw_out()
        schemas = self.execute(
            r"SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^(pg_|information_)'"
        )
        self.execute(f"DROP SCHEMA {', '.join(name for (name,) in schemas)} CASCADE")
        self.execute("CREATE SCHEMA public")
        self.execute("GRANT USAGE ON SCHEMA public TO public")

    def _outside(self, statement: str) -> None:
        with psycopg.connect(self.cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
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
def cluster() -> Iterator[Cluster]:
    """A server for all tests; not in pytest's folder, where its user may not go."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="ekspiper-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = Cluster(binaries, folder)
    try:
        cluster.create()
        cluster.start()
        with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'".encode())
        yield cluster
        cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def _database(cluster: Cluster) -> Database:
    with psycopg.connect(cluster.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE test")
    return Database(cluster, "test")


@pytest.fixture
def database(_database: Database) -> Iterator[Database]:
    """A database without any table."""
    yield _database
    _database.clean()
