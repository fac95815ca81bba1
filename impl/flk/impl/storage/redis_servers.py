"""Which servers of Redis answer for a store: the one of several that takes writes, or those of a Cluster; and what their replicas
have.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, TypeAlias

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException, RedisError, ResponseError
from redis.retry import Retry

from flk.impl.storage.address import CLUSTER, Address
from flk.impl.storage.redis_term import term_key
from flk.impl.storage.shared import ANSWER_SECONDS, CONNECT_SECONDS

Client: TypeAlias = "redis.Redis | redis.RedisCluster"
_RETRIES = 1  # at once, with a new connection: that of before may have gone
_WEAK = {
    "appendonly": ("yes", "it keeps its entries in memory alone"),
    "appendfsync": ("always", "it acknowledges before it synchronises"),
    "maxmemory-policy": ("noeviction", "it forgets entries when memory runs short"),
}
ROLE_SECONDS = 5  # for which each of several servers is asked whether it is the master
FOLLOW_SECONDS = 2  # for which replicas are waited for

FAILURES = (RedisError, RedisClusterException, OSError)


def connect(address: Address, seen: Sequence[tuple[str, int]] = ()) -> Client:
    """A client of the servers of a URL. Those of a Cluster that were `seen` before may be asked where it is, too.

    Raises FAILURES if none answers.
    """
    bounds: dict[str, Any] = {
        "socket_timeout": ANSWER_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "retry": Retry(NoBackoff(), _RETRIES),
    }
    if address.scheme in CLUSTER:
        first, *others = (url.replace("+cluster", "", 1) for url in address.each)
        named = [redis.Redis.from_url(url).get_connection_kwargs() for url in others]
        also = [*seen, *((str(one["host"]), int(one["port"])) for one in named)]
        return redis.RedisCluster.from_url(first, startup_nodes=[ClusterNode(*one) for one in also], **bounds)  # type: ignore[no-untyped-call]
    where = address.each[0] if len(address.each) == 1 else _master(address.each)
    return redis.Redis.from_url(where, **bounds)


def _master(urls: Sequence[str]) -> str:
    """The URL of the master; of several the one of the latest term, since a master that was taken over from may be back. Each is
    asked once, and not for long: one that hangs must not hold up who looks for the one that took over from it.
    """
    terms: dict[int, tuple[int, int]] = {}
    failure: Exception = redis.ConnectionError("none of the servers is a master")
    once: dict[str, Any] = {
        "socket_timeout": ROLE_SECONDS,
        "socket_connect_timeout": ROLE_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    for place, url in enumerate(urls):
        with closing(redis.Redis.from_url(url, **once)) as client:
            try:
                if client.execute_command("ROLE")[0] == b"master":  # type: ignore[no-untyped-call]
                    terms[place] = int(client.hget(term_key(0), "number") or 0), -place
            except FAILURES as error:
                failure = error
    chosen = max(terms, key=lambda place: terms[place], default=None)
    if chosen is None:
        raise failure
    return urls[chosen]


def release(client: Client) -> None:
    """Close the connections to all servers. Those of a Cluster the library would leave to the garbage collector."""
    with suppress(*FAILURES):
        if isinstance(client, redis.RedisCluster):
            for node in client.get_nodes():  # type: ignore[no-untyped-call]
                if node.redis_connection is not None:
                    node.redis_connection.connection_pool.disconnect()
        client.close()


def weak_settings(client: Client) -> Iterator[str]:
    """By which of their settings the servers may lose what they acknowledged, and why. Raises FAILURES."""
    cluster = () if isinstance(client, redis.Redis) else client.get_primaries()  # type: ignore[no-untyped-call]
    for server in [node.redis_connection for node in cluster] or [client]:
        for name, (strong, why) in _WEAK.items():
            try:
                value = server.config_get(name).get(name)
            except ResponseError:
                yield f"it does not tell its {name}, since CONFIG GET is refused"
            else:
                if value != strong:
                    yield f"{name} is {value}: {why}"


def seen_by(client: Client) -> tuple[tuple[str, int], ...]:
    """Where the servers of a Cluster are; of others nothing is to be remembered."""
    if isinstance(client, redis.Redis):
        return ()
    return tuple((str(node.host), int(node.port)) for node in client.get_nodes())  # type: ignore[no-untyped-call]


def unfollowed(client: Client, address: Address, keys: Sequence[str], *, named: bool) -> Iterator[str]:
    """Of which servers replicas lack what was written at the tags of these hashes, which get a field of no meaning. Those count
    that are connected, or with `named` all that are known, be they there or not.
    """
    for server, mine in _by_server(client, keys):
        wanted = _replicas(server, address, named=named)
        if wanted:
            pipeline = server.pipeline(transaction=False)
            # What is waited for is a write of this connection, and all before it.
            pipeline.execute_command("HSET", mine[0], "followed", 1)  # type: ignore[no-untyped-call]
            pipeline.execute_command("WAIT", wanted, FOLLOW_SECONDS * 1000)  # type: ignore[no-untyped-call]
            there = int(pipeline.execute()[-1])
            if there < wanted:
                yield f"a replica of {_where(server)}"


def _replicas(server: "redis.Redis", address: Address, *, named: bool) -> int:
    connected = int(server.info("replication")["connected_slaves"])
    if not named:
        return connected
    if address.scheme in CLUSTER:
        me = server.execute_command("CLUSTER MYID")  # type: ignore[no-untyped-call]
        return len(server.execute_command("CLUSTER", "REPLICAS", me))  # type: ignore[no-untyped-call]
    return max(len(address.each) - 1, connected)


def _where(server: "redis.Redis") -> str:
    where = server.get_connection_kwargs()
    return f"{where['host']}:{where['port']}"


def _by_server(client: Client, keys: Sequence[str]) -> Iterator[tuple["redis.Redis", list[str]]]:
    if isinstance(client, redis.Redis):
        yield client, [*keys]
        return
    found: dict[str, tuple[redis.Redis, list[str]]] = {}
    for key in keys:
        node = client.get_node_from_key(key)  # type: ignore[no-untyped-call]
        found.setdefault(node.name, (client.get_redis_connection(node), []))[1].append(key)
    yield from found.values()
