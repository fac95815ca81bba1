"""Which store a URL names."""

import time
from collections.abc import Callable
from contextlib import ExitStack

from flk.impl.storage.address import POSTGRES, Address, address
from flk.impl.storage.layout import found_in
from flk.impl.storage.ring_file import addressed, is_ring, load, path_of
from flk.impl.storage.sharded import ShardedStore
from flk.impl.storage.shards import Shards
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
    with ExitStack() as stack:
        shards = open_shards(url, region, now, accept_weaker=accept_weaker)
        stack.callback(shards.close)
        ring = ShardedStore(shards, region)
        stack.pop_all()
    return ring


def open_shards(url: str, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False) -> Shards:
    """Connect to the stores of a ring, one by one. Raises as `open_region` does."""
    path = path_of(url)

    def connect(name: str, where: str) -> SharedStore:
        return open_one(addressed(path, name, where), region, now, accept_weaker=accept_weaker)

    file = load(path)
    with ExitStack() as stack:
        stores = {}
        for name, where in sorted(file.shards.items()):
            stores[name] = connect(name, where)
            stack.callback(stores[name].close)
        found = found_in(stores, file, path)
        stack.pop_all()
    known = {name: store for name, store in stores.items() if name in found.layout.stores}
    for name, store in stores.items():
        if name not in known:
            store.close()
    return Shards(path, found, known, connect)


def open_one(where: Address, region: str, now: Callable[[], float], *, accept_weaker: bool) -> SharedStore:
    """Connect to one store, be it a shard or not. Raises as `open_region` does."""
    with needs("server", f"--store {where.scheme}"):
        if where.scheme in POSTGRES:
            from flk.impl.storage.postgres import PostgresStore

            return PostgresStore(where, region, now, accept_weaker=accept_weaker)
        from flk.impl.storage.redis_store import RedisStore

        return RedisStore(where, region, now, accept_weaker=accept_weaker)
