"""Servers for the shared stores, of this machine: PostgreSQL, Redis, and a Redis Cluster. They can be killed and started again.

Each lives in a temporary directory, in memory where there is some to write to, since what a killed process wrote outlives it there,
too. It runs as an unprivileged user where we are root, and listens on a socket in its directory or on a free port of loopback. It
ends with this process.
"""

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import SystemRandom
from typing import Protocol
from urllib.parse import quote

from flk.spec.errors import UnusableInput

WAIT_SECONDS = 120.0
PORTS = (
    15_000,
    22_000,
)  # below those that connections get; a Redis of a Cluster listens 10,000 above, too, if nobody says where
LAG_SECONDS = 0.2  # of what is acknowledged and a replica that takes over lacks
MEMORY = Path("/dev/shm")  # noqa: S108 - each has a directory of its own there


class StoreServer(Protocol):
    """A server that holds a store. With one that `lags`, what takes over when it is killed lacks what was acknowledged last."""

    lags: bool

    def url(self, name: str) -> str:
        """Where a store of that name is, empty at first."""

    def clean(self) -> None:
        """Empty what `url` named last."""

    def kill(self) -> None:
        """End it at once, as a loss of power would."""

    def start(self) -> None:
        """Start it on what it left, and wait until it answers. Raises UnusableInput if it does not."""


class Postgres:
    """A PostgreSQL on a Unix socket, as it comes: it synchronises what it commits. With `of` a standby of that one. Raises
    UnusableInput if there is none here.
    """

    lags = False

    def __init__(self, of: "Postgres | None" = None) -> None:
        found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *_beside("initdb")]
        if not found:
            raise UnusableInput("PostgreSQL is not on this machine: apt-get install postgresql")
        self._bin = found[0]
        self.directory = _directory("postgres")
        self._data = self.directory / "data"
        if of is None:
            options = ["-U", "flk", "-E", "UTF8", "--locale=C", "-A", "trust", "-N"]
            _run([self._tool("initdb"), "-D", f"{self._data}", *options])
        else:
            options = ["-h", f"{of.directory}", "-U", "flk", "-R", "-X", "stream", "-c", "fast"]
            _run([self._tool("pg_basebackup"), "-D", f"{self._data}", *options])
        self.start()
        atexit.register(self.kill)

    def url(self, name: str) -> str:
        """As `StoreServer` has it: a new database."""
        self.query("postgres", f'create database "{name}"')
        self._database = name
        return f"postgresql://flk@/{name}?host={quote(str(self.directory), safe='')}"

    def clean(self) -> None:
        """As `StoreServer` has it."""
        self.query(self._database, "drop schema if exists flk cascade")

    def query(self, database: str, statement: str) -> str:
        """What psql prints."""
        command = [self._tool("psql"), "-h", f"{self.directory}", "-U", "flk", "-d", database, "-Atqc", statement]
        return _run(command).strip()

    def kill(self) -> None:
        """As `StoreServer` has it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # what `pg_ctl stop -m immediate` sends
            self._process.wait()

    def kill_all(self) -> None:
        """Kill every process of it with -9."""
        for pid in self._pids():
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop_answering(self) -> None:
        """Stop every process of it, which stay there."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let them run on."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def start(self) -> None:
        """As `StoreServer` has it."""
        command = [self._tool("postgres"), "-D", f"{self._data}", "-k", f"{self.directory}", "-c", "listen_addresses="]
        self._process = _begin(command, self.directory)
        ready = [self._tool("pg_isready"), "-q", "-h", f"{self.directory}"]
        _until(lambda: subprocess.run(ready, check=False).returncode == 0)  # noqa: S603 - the command is our own

    def _tool(self, name: str) -> str:
        return str(self._bin / name)

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]


class PostgresPair:
    """A PostgreSQL with a standby that has all that is acknowledged, and can be promoted."""

    def __init__(self) -> None:
        self.primary = Postgres()
        self.standby = Postgres(of=self.primary)
        self.primary.query("postgres", "alter system set synchronous_standby_names = '*'")
        self.primary.query("postgres", "select pg_reload_conf()")
        _until(lambda: self.primary.query("postgres", "select sync_state from pg_stat_replication") == "sync")

    def url(self, name: str) -> str:
        """A database of both."""
        return self.primary.url(name) + quote(f",{self.standby.directory}", safe="")

    def fail_over(self) -> None:
        """The primary is killed for good, all its processes at once, and the standby takes over."""
        self.primary.kill_all()
        self.standby.query("postgres", "select pg_promote()")


class Redis:
    """A Redis on a free port that synchronises each write before it answers, or as `settings` say. Raises UnusableInput if there is
    none here.
    """

    lags = False

    def __init__(self, *settings: str) -> None:
        if not _beside("redis-server") or not _beside("redis-cli"):
            raise UnusableInput("Redis is not on this machine: apt-get install redis-server redis-tools")
        self.port = free_port()
        self._directory = _directory("redis")
        self._settings = settings
        self.start()
        atexit.register(self.kill)

    def url(self, name: str) -> str:
        """As `StoreServer` has it: the one of this server, whatever its name."""
        del name
        self.clean()
        return f"redis://127.0.0.1:{self.port}/0"

    def clean(self) -> None:
        """As `StoreServer` has it."""
        self.command("flushall")

    def command(self, *words: str) -> str:
        """What redis-cli prints."""
        return _run(["redis-cli", "-p", str(self.port), *words]).strip()

    def kill(self) -> None:
        """As `StoreServer` has it."""
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        """As `StoreServer` has it."""
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--repl-diskless-sync-delay", "0"]
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._directory)]
        self._process = _begin(["redis-server", *place, *durable, *self._settings], self._directory)
        _until(self._answers)

    def fall_behind(self, replica: "Redis") -> None:
        """A replica of this one gets nothing any more of what is written from here on, until it goes on."""
        replica.stop_answering()
        self.command("client", "kill", "type", "replica")
        time.sleep(LAG_SECONDS)

    def follow(self, master: "Redis") -> None:
        """Begin to be a replica of that one."""
        self.command("replicaof", "127.0.0.1", str(master.port))

    def replication(self) -> str:
        """What it tells of masters and replicas."""
        return self.command("info", "replication")

    def is_level(self) -> bool:
        """Whether it is a replica that has all of its master."""
        told = self.replication()
        return "role:slave" in told and "master_link_status:up" in told

    def stop_answering(self) -> None:
        """Stop its process, which stays there."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run on."""
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        """Whether it answers what it left, and not another one at its port. Raises UnusableInput if it has ended."""
        if self._process.poll() is not None:
            last = (self._directory / "output").read_text(errors="replace").strip().rpartition("\n")[2]
            raise UnusableInput(f"redis-server ended at its start: {last}")
        ask = ["redis-cli", "-p", str(self.port), "info"]
        asked = subprocess.run(ask, check=False, capture_output=True, text=True)  # noqa: S603 - the command is our own
        return {f"process_id:{self._process.pid}", "loading:0"} <= {*asked.stdout.split()}


class RedisPair:
    """A Redis and a replica. When the one is killed, the other takes over, and lacks what the first acknowledged last; the first
    comes back as its replica.
    """

    lags = True

    def __init__(self) -> None:
        self.master, self.replica = Redis(), Redis()
        self._ports = self.master.port, self.replica.port
        self._follow()

    def url(self, name: str) -> str:
        """As `StoreServer` has it: both, whichever is the master."""
        del name
        self.clean()
        return "redis://" + ",".join(f"127.0.0.1:{port}" for port in self._ports) + "/0"

    def clean(self) -> None:
        """As `StoreServer` has it."""
        self.master.clean()

    def kill(self) -> None:
        """As `StoreServer` has it: the master."""
        self.master.fall_behind(self.replica)
        self.master.kill()
        self.replica.go_on()

    def start(self) -> None:
        """As `StoreServer` has it: the replica takes over."""
        self.master, self.replica = self.replica, self.master
        self.master.command("replicaof", "no", "one")
        self.replica.start()
        self._follow()

    def _follow(self) -> None:
        self.replica.follow(self.master)
        _until(self.replica.is_level)
        _until(lambda: self.master.command("wait", "1", "100") == "1")  # who asks it whether it is followed is told so


class RedisCluster:
    """Three masters without replicas: each holds a third of the slots. Raises UnusableInput if there is no Redis here."""

    lags = False
    replicas = 0
    settings: tuple[str, ...] = "--cluster-enabled", "yes"

    def __init__(self) -> None:
        each = range(3 * (1 + self.replicas))
        self.nodes = [Redis(*self.settings, "--cluster-port", str(free_port())) for _ in each]
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        _run(
            ["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", f"{self.replicas}", "--cluster-yes"]
        )
        self._wait()

    def url(self, name: str) -> str:
        """As `StoreServer` has it: the one of this Cluster, whatever its name."""
        del name
        self.clean()
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def clean(self) -> None:
        """As `StoreServer` has it."""
        for node in self.masters():
            node.clean()

    def masters(self) -> "list[Redis]":
        """Those that are masters now."""
        return [node for node in self.nodes if "role:master" in node.replication()]

    def kill(self) -> None:
        """As `StoreServer` has it: all of them."""
        for node in self.nodes:
            node.kill()

    def start(self) -> None:
        """As `StoreServer` has it."""
        for node in self.nodes:
            node.start()
        self._wait()

    def _wait(self) -> None:
        for node in self.nodes:
            _until(lambda node=node: "cluster_state:ok" in node.command("cluster", "info"))  # type: ignore[misc]


class RedisClusterOfPairs(RedisCluster):
    """Three masters with a replica each. When one is killed, its replica takes over, and lacks what that acknowledged last."""

    lags = True
    replicas = 1
    settings = *RedisCluster.settings, "--cluster-node-timeout", "3000"

    def kill(self) -> None:
        """As `StoreServer` has it: one of the masters, each in turn."""
        self.nodes = [*self.nodes[1:], self.nodes[0]]
        self._killed = self.masters()[0]
        (replica,) = (node for node in self.nodes if f"master_port:{self._killed.port}" in node.replication().split())
        self._killed.fall_behind(replica)
        self._killed.kill()
        replica.go_on()
        self._heir = replica

    def start(self) -> None:
        """As `StoreServer` has it: when the replica has taken over, what was killed comes back as a replica."""
        _until(lambda: "role:master" in self._heir.replication())
        self._killed.start()
        _until(self._killed.is_level)
        self._wait()

    def _wait(self) -> None:
        super()._wait()
        _until(lambda: sum(node.is_level() for node in self.nodes) == len(self.nodes) // 2)


class Ring:
    """A ring of two shards, and the file that names them: a PostgreSQL and a Redis, or those that are given."""

    lags = False

    def __init__(self, *servers: StoreServer) -> None:
        self.servers = servers or (Postgres(), Redis())
        self._directory = _directory("ring")

    def url(self, name: str) -> str:
        """As `StoreServer` has it: a new file."""
        path = self._directory / f"{name}.toml"
        shards = (f'{shard} = "{server.url(name)}"\n' for shard, server in zip("pr", self.servers, strict=True))
        path.write_text("".join(("[shards]\n", *shards)))
        return f"ring+file://{path}"

    def clean(self) -> None:
        """As `StoreServer` has it: every shard."""
        for server in self.servers:
            server.clean()

    def kill(self) -> None:
        """As `StoreServer` has it: all of them."""
        for server in self.servers:
            server.kill()

    def start(self) -> None:
        """As `StoreServer` has it."""
        for server in self.servers:
            server.start()


KINDS: dict[str, Callable[[], StoreServer]] = {
    "postgresql": Postgres,
    "redis": Redis,
    "redis+cluster": RedisCluster,
    "redis+replica": RedisPair,
    "redis+cluster+replicas": RedisClusterOfPairs,
    "ring": Ring,
}


def free_port() -> int:
    """A port of loopback on which nothing listens now, and which the system gives to no connection: a server that was killed gets
    it back, though clients try to connect to it meanwhile.
    """
    while True:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", SystemRandom().randrange(*PORTS)))
            return int(free.getsockname()[1])


def _user() -> str | None:
    """Whom a server runs as: not root."""
    if os.getuid() != 0:
        return None
    return next((name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()}), None)


def _directory(kind: str) -> Path:
    directory = Path(tempfile.mkdtemp(prefix=f"flk-{kind}-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    user = _user()
    if user is not None:
        shutil.chown(directory, user)
    return directory


def _beside(command: str) -> list[Path]:
    found = shutil.which(command)
    return [Path(found).parent] if found else []


def _until(answers: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not answers():
        if time.monotonic() > until:
            raise UnusableInput(f"the store's server does not answer within {WAIT_SECONDS:g} s of its start")
        time.sleep(0.05)


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, user=_user(), cwd="/").stdout  # noqa: S603 - our own


def _begin(command: Sequence[str], directory: Path) -> "subprocess.Popen[bytes]":
    with (directory / "output").open("ab") as output:
        return subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, user=_user())  # noqa: S603 - our own
