"""Cases of the ring: `ring_owner`."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

names = st.integers(0, 400).map(lambda n: f"shard-{n}") | st.text(max_size=4) | st.sampled_from(["s6322", "s68101"])
"""The last two share the position of their first virtual node."""


@composite
def rings(draw: DrawFn) -> dict[str, Any]:
    """Shards, some of them unhealthy, and a key."""
    shards = draw(st.lists(names, max_size=6, unique=True))
    unhealthy = draw(st.lists(st.sampled_from([*shards, "no-shard"]), unique=True))
    if shards and draw(st.integers(0, 9)) == 0:
        shards.append(draw(st.sampled_from(shards)))
        unhealthy = []
    return {
        "shards": shards,
        "vnodes": draw(st.sampled_from([1, 2, 3, 20])),
        "unhealthy": unhealthy,
        "key": draw(st.text(max_size=8) | st.just("s6322#0")),
    }


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {"ring_owner": rings()}
