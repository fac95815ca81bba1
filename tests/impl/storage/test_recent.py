"""What a store remembers of its last transactions is what the file has, whatever else was written meanwhile; and it is bounded."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from flk.impl.storage import sqlite
from flk.impl.storage.aging import AgingStore
from flk.impl.storage.recent import Recent
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.log.hlc import Timestamp

JUDGED = Outcome(True, False, Reason.OK, 1.0, 0.5)
KEYS = [Key("t", f"{number:064x}") for number in range(3)]
CLAIMS = st.builds(
    lambda key, at: Claim(key, Entry(Timestamp(at), "eu", f"{at:064x}", JUDGED)),
    st.sampled_from(KEYS),
    st.integers(1, 2),
)
DOES = st.sampled_from(["claim", "merge", "flush", "delete", "anew"])
STEPS = st.lists(st.tuples(DOES, st.lists(CLAIMS, max_size=4)), max_size=12)


@given(STEPS, st.integers(0, 4))
def test_what_is_remembered_is_what_the_file_has(steps: list[tuple[str, list[Claim]]], most: int) -> None:
    """After claims, merges, deletions and new beginnings, in whatever order: what is fetched is what a fresh reader finds."""
    with TemporaryDirectory() as directory, closing(AgingStore(Path(directory) / "entries.sqlite")) as store:
        store._recent = Recent(most)
        does: dict[str, Callable[[list[Claim]], object]] = {
            "claim": store.insert_or_get,
            "merge": store.merge,
            "flush": lambda _: store.flush(),
            "delete": store.delete,
            "anew": lambda _: store.begin_anew(),
        }
        for step, claims in steps:
            does[step](claims)
            remembered = store.fetch(KEYS)
            store.flush()
            assert store.fetch(KEYS) == remembered
            assert tuple(map(sqlite.stored_rows(store._reader, KEYS).get, KEYS)) == remembered


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 12))
def test_it_holds_little_more_than_it_may(sizes: list[int], most: int) -> None:
    """The newest are kept: at least half as many as may be, and no more than all that may be and two transactions."""
    recent, written = Recent(most), 0
    entry = Entry(Timestamp(1), "eu", "", JUDGED)
    for size in sizes:
        recent.add({Key("t", f"{number}"): entry for number in range(written, written + size)})
        written += size
        newer, older = recent.generations
        held = sorted(int(key.pcs_id) for key in (*newer, *older))
        assert held == list(range(written - len(held), written))
        assert min(most // 2, written) <= len(held) <= most + 2 * max(sizes)
    recent.forget([Key("t", f"{number}") for number in range(0, written, 2)])
    assert all(int(key.pcs_id) % 2 for known in recent.generations for key in known)
