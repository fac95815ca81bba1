"""Which store a URL names."""

import time
from collections.abc import Callable

from flk.impl.storage.address import POSTGRES, address
from flk.impl.storage.shared import SharedStore
from flk.spec.errors import needs


def open_shared(
    url: str, region: str, now: Callable[[], float] = time.time, *, accept_weaker: bool = False
) -> SharedStore:
    """Connect to the store of a region; a new one is begun if there is none. Nobody has enlisted yet.

    Raises UnusableInput for a URL or a store that cannot be used, Unavailable for a server that does not answer.
    """
    where = address(url)
    with needs("server", f"--store {where.scheme}"):
        if where.scheme in POSTGRES:
            from flk.impl.storage.postgres import PostgresStore

            return PostgresStore(where, region, now)
        from flk.impl.storage.redis_store import RedisStore

        return RedisStore(where, region, now, accept_weaker=accept_weaker)
