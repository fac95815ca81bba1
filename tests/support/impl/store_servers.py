"""Real servers for the shared stores: PostgreSQL, Redis, and a Redis Cluster. They can be killed and started again.

They live in a temporary directory, each as an unprivileged user where the tests run as root, listen on a socket there or on a free
port of this machine, and end with the tests.
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
from functools import cache
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

WAIT_SECONDS = 30.0
_ROT = """#!lua flags=allow-cross-slot-keys
for _, name in ipairs(redis.call('keys', 'flk:*:entries')) do
  local found = redis.call('hgetall', name)
  for i = 1, #found, 2 do
    if string.find(found[i], ARGV[1], 1, true) then
      local value = string.gsub(found[i + 1], '"eu"', '"es"')
      redis.call('hset', name, found[i], value)
    end
  end
end"""


class StoreServer(Protocol):
    """A server that holds a store."""

    def url(self, name: str) -> str:
        """Where a store of that name is, empty at first."""

    def clean(self) -> None:
        """Empty what `url` named last."""

    def damage(self, pcs_id: str) -> None:
        """Let a bit of the entries of that id have rotted there."""

    def kill(self) -> None:
        """End it at once, as a loss of power would."""

    def start(self) -> None:
        """Start it on what it left."""


def _user() -> str | None:
    """Whom a server runs as: not root."""
    if os.getuid() != 0:
        return None
    return next((name for name in ("postgres", "nobody") if name in {entry.pw_name for entry in pwd.getpwall()}), None)


def _directory(kind: str) -> Path:
    memory = Path("/dev/shm")  # what a killed process wrote outlives it there, too
    directory = Path(tempfile.mkdtemp(prefix=f"flk-{kind}-", dir=memory if os.access(memory, os.W_OK) else None))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    user = _user()
    if user is not None:
        shutil.chown(directory, user)
    return directory


def _beside(command: str) -> list[Path]:
    found = shutil.which(command)
    return [Path(found).parent] if found else []


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _until(answers: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not answers():
        assert time.monotonic() < until, "the server does not come up"
        time.sleep(0.05)


def _run(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, user=_user(), cwd="/").stdout


def _begin(command: Sequence[str], directory: Path) -> "subprocess.Popen[bytes]":
    with (directory / "output").open("ab") as output:
        return subprocess.Popen(command, cwd=directory, stdout=output, stderr=output, user=_user())


class Postgres:
    """A PostgreSQL of Debian's on a Unix socket, as it comes: it synchronises what it commits. With `of` a standby of that one."""

    def __init__(self, of: "Postgres | None" = None) -> None:
        found = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), *_beside("initdb")]
        assert found, "the tests need PostgreSQL: apt-get install postgresql"
        self._bin = found[0]
        self.directory = _directory("postgres")
        self._data = self.directory / "data"
        if of is None:
            options = ["-U", "flk", "-E", "UTF8", "--locale=C", "-A", "trust", "-N"]
            _run([str(self._bin / "initdb"), "-D", str(self._data), *options])
        else:
            options = ["-h", str(of.directory), "-U", "flk", "-R", "-X", "stream", "-c", "fast"]
            _run([str(self._bin / "pg_basebackup"), "-D", str(self._data), *options])
        self.start()
        atexit.register(self.kill)

    def url(self, name: str) -> str:
        self.query("postgres", f'create database "{name}"')
        self._database = name
        return f"postgresql://flk@/{name}?host={quote(str(self.directory), safe='')}"

    def clean(self) -> None:
        self.query(self._database, "drop schema if exists flk cascade")

    def damage(self, pcs_id: str) -> None:
        self.query(self._database, f"update flk.entries set timestamp = timestamp # 1 where pcs_id = '{pcs_id}'")

    def query(self, database: str, statement: str) -> str:
        """What psql prints."""
        command = [str(self._bin / "psql"), "-h", str(self.directory), "-U", "flk", "-d", database, "-Atqc", statement]
        return _run(command).strip()

    def kill(self) -> None:
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

    def _pids(self) -> list[int]:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [self._process.pid, *map(int, children)]

    def start(self) -> None:
        command = [
            str(self._bin / "postgres"),
            "-D",
            str(self._data),
            "-k",
            str(self.directory),
            "-c",
            "listen_addresses=",
        ]
        self._process = _begin(command, self.directory)
        ready = [str(self._bin / "pg_isready"), "-q", "-h", str(self.directory)]
        _until(lambda: subprocess.run(ready, check=False).returncode == 0)


class Pair:
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
    """A Redis on a free port that synchronises each write before it answers, or as `settings` say."""

    def __init__(self, *settings: str) -> None:
        self.port = _free_port()
        self._directory = _directory("redis")
        self._settings = settings
        self.start()
        atexit.register(self.kill)

    def url(self, name: str) -> str:
        del name
        self.clean()
        return f"redis://127.0.0.1:{self.port}/0"

    def clean(self) -> None:
        self.command("flushall")

    def damage(self, pcs_id: str) -> None:
        self.command("eval", _ROT, "0", pcs_id)

    def command(self, *words: str) -> str:
        """What redis-cli prints."""
        return _run(["redis-cli", "-p", str(self.port), *words]).strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def start(self) -> None:
        options = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", *self._settings]
        command = [
            "redis-server",
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self._directory),
            *options,
        ]
        self._process = _begin(command, self._directory)
        _until(self._answers)

    def _answers(self) -> bool:
        asked = subprocess.run(["redis-cli", "-p", str(self.port), "ping"], check=False, capture_output=True, text=True)
        return asked.stdout.strip() == "PONG"


class RedisCluster:
    """Three masters without replicas: each holds a third of the slots."""

    def __init__(self) -> None:
        self.nodes = [Redis("--cluster-enabled", "yes", "--cluster-port", str(_free_port())) for _ in range(3)]
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        _run(["redis-cli", "--cluster", "create", *addresses, "--cluster-yes"])
        self._wait()

    def url(self, name: str) -> str:
        del name
        self.clean()
        return f"redis+cluster://127.0.0.1:{self.nodes[0].port}"

    def clean(self) -> None:
        for node in self.nodes:
            node.clean()

    def damage(self, pcs_id: str) -> None:
        for node in self.nodes:
            node.damage(pcs_id)

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def start(self) -> None:
        for node in self.nodes:
            node.start()
        self._wait()

    def _wait(self) -> None:
        for node in self.nodes:
            _until(lambda node=node: "cluster_state:ok" in node.command("cluster", "info"))  # type: ignore[misc]


class Ring:
    """A shard in PostgreSQL and one in Redis, and the file that names them."""

    def __init__(self) -> None:
        self.servers: list[StoreServer] = [postgres(), redis()]
        self._directory = _directory("ring")

    def url(self, name: str) -> str:
        path = self._directory / f"{name}.toml"
        shards = (f'{shard} = "{server.url(name)}"\n' for shard, server in zip("pr", self.servers, strict=True))
        path.write_text("".join(("[shards]\n", *shards)))
        return f"ring+file://{path}"

    def clean(self) -> None:
        for server in self.servers:
            server.clean()

    def damage(self, pcs_id: str) -> None:
        for server in self.servers:
            server.damage(pcs_id)

    def kill(self) -> None:
        for server in self.servers:
            server.kill()

    def start(self) -> None:
        for server in self.servers:
            server.start()


@cache
def postgres() -> Postgres:
    """The one of this process."""
    return Postgres()


@cache
def redis() -> Redis:
    """The one of this process."""
    return Redis()


@cache
def redis_cluster() -> RedisCluster:
    """The one of this process."""
    return RedisCluster()


@cache
def ring() -> Ring:
    """One of this process's PostgreSQL and Redis."""
    return Ring()
