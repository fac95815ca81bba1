"""Which store a URL names."""

import time
from collections.abc import Callable
from contextlib import ExitStack

from flk.impl.storage.address import POSTGRES, Address, address
from flk.impl.storage.layout import found_in
from flk.impl.storage.ring_file import addressed, is_ring, load, path_of
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shared import SharedStore
from flk.impl.storage.store import RegionStore
from flk.spec.errors import needs


def open_region(
    url: str, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False
) -> RegionStore:
    """Connect to the store of a region, which may be a ring of several; a new one is begun if there is none. Nobody has enlisted
    yet.

    Raises UnusableInput for a URL, a ring's file or a store that cannot be used, Unavailable for a server that does not answer.
    """
    if is_ring(url):
        return open_ring(url, region, now, accept_weaker=accept_weaker)
    return open_shared(url, region, now, accept_weaker=accept_weaker)


def open_shared(
    url: str, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False
) -> SharedStore:
    """Connect to a store that has all of a region's entries. Raises as `open_region` does, and for a shard of a ring."""
    store = open_one(address(url), region, now, accept_weaker=accept_weaker)
    with ExitStack() as stack:
        stack.callback(store.close)
        store.require_alone()
        stack.pop_all()
    return store


def open_ring(
    url: str, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False
) -> ShardedStore:
    """Connect to the stores of a ring. Raises as `open_region` does."""
    path = path_of(url)
    file = load(path)
    with ExitStack() as stack:
        stores = {}
        for name, where in sorted(file.shards.items()):
            stores[name] = open_one(addressed(path, name, where), region, now, accept_weaker=accept_weaker)
            stack.callback(stores[name].close)
        ring = ShardedStore(path, found_in(stores, file, path), stores, region)
        stack.pop_all()
    for name, store in stores.items():
        if name not in ring.shards:
            store.close()
    return ring


def open_one(where: Address, region: str, now: Callable[[], float], *, accept_weaker: bool) -> SharedStore:
    """Connect to one store, be it a shard or not. Raises as `open_region` does."""
    with needs("server", f"--store {where.scheme}"):
        if where.scheme in POSTGRES:
            from flk.impl.storage.postgres import PostgresStore

            return PostgresStore(where, region, now, accept_weaker=accept_weaker)
        from flk.impl.storage.redis_store import RedisStore

        return RedisStore(where, region, now, accept_weaker=accept_weaker)
