"""The index of an audit log: what it takes in it finds, by any of its names, as a dictionary would (TLOG-7)."""

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from flk.impl.storage.audit_index import AT_ONCE, NAME, AuditIndex
from flk.model.transparency.steps import State

NAMES = st.binary(min_size=1, max_size=2)
STEPS = st.lists(st.lists(st.lists(NAMES, min_size=1, max_size=2), max_size=4), max_size=4)


@given(steps=STEPS, asked=st.lists(NAMES, max_size=8))
def test_what_is_taken_in_is_found(steps: list[list[list[bytes]]], asked: list[bytes]) -> None:
    """The numbers of all leaves that have a name, in order; none for a name that no leaf has; one answer for each that is asked."""
    known: defaultdict[bytes, list[int]] = defaultdict(list)
    with TemporaryDirectory() as directory:
        index = AuditIndex(Path(directory) / NAME)
        size = 0
        for number, leaves in enumerate(steps, 1):
            index.take_in(State(number=number, size=size + len(leaves)), size, leaves)
            for at, names in enumerate(leaves, size):
                for name in dict.fromkeys(names):
                    known[name].append(at)
            size += len(leaves)
        assert index.find(asked) == tuple(tuple(known.get(name, ())) for name in asked)
        index.close()


def test_more_names_than_one_statement_takes(tmp_path: Path) -> None:
    """Each is answered in its place."""
    index = AuditIndex(tmp_path / NAME)
    names = [number.to_bytes(4, "big") for number in range(2 * AT_ONCE + 1)]
    index.take_in(State(number=1, size=len(names)), 0, [[name] for name in names])
    assert index.find([*reversed(names), b"no"]) == (*((number,) for number in reversed(range(len(names)))), ())
    index.close()
