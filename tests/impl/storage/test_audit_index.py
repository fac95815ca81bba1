"""The index of an audit log: what it takes in it finds, by all names of a leaf or its record's, as a dictionary would (TLOG-7)."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from flk.impl.storage.audit_index import AT_ONCE, NAME, AuditIndex
from flk.model.effects import FindLeaves, TakeIn
from flk.model.memory.auditing import AuditIndex as InMemory
from flk.model.transparency.leaves import NAME_BYTES
from flk.model.transparency.steps import State

SOME = st.sampled_from([bytes([value]) * NAME_BYTES for value in (0, 1, 254, 255)])
OTHERS = st.sampled_from([bytes([value]) + b"\xff" * (NAME_BYTES - 1) for value in (1, 254, 255)])
RECORDS = SOME | OTHERS
OWN = RECORDS.map(lambda name: name[:-1] + b"\x80")
LEAVES = st.tuples(OWN, RECORDS) | st.tuples(OWN)
STEPS = st.lists(st.lists(LEAVES, max_size=4), max_size=4)
Names = tuple[bytes, ...]


@given(steps=STEPS, asked=st.lists(LEAVES | st.tuples(RECORDS), max_size=8))
def test_what_is_taken_in_is_found(steps: list[list[Names]], asked: list[Names]) -> None:
    """The numbers of all leaves that are called so, in order; none for what no leaf is called; one answer for each that is asked. A
    node in memory says the same.
    """
    known: defaultdict[Names, list[int]] = defaultdict(list)
    with TemporaryDirectory() as directory:
        index, memory = AuditIndex(Path(directory) / NAME), InMemory()
        size = 0
        for number, leaves in enumerate(steps, 1):
            state = State(number=number, size=size + len(leaves))
            index.take_in(state, size, leaves)
            memory.performers[TakeIn](TakeIn(state, size, tuple(leaves)))
            for at, names in enumerate(leaves, size):
                for called in {names, names[-1:]}:
                    known[called].append(at)
            size += len(leaves)
        expected = tuple(tuple(known.get(names, ())) for names in asked)
        assert index.find(asked) == expected
        assert memory.performers[FindLeaves](FindLeaves(tuple(asked))) == expected
        index.close()


def test_more_names_than_one_statement_takes(tmp_path: Path) -> None:
    """Each is answered in its place."""
    index = AuditIndex(tmp_path / NAME)
    names = [(number.to_bytes(NAME_BYTES, "big"), bytes(NAME_BYTES)) for number in range(2 * AT_ONCE + 1)]
    index.take_in(State(number=1, size=len(names)), 0, names)
    others = bytes(NAME_BYTES), b"\1" * NAME_BYTES
    assert index.find([*reversed(names), others]) == (*((number,) for number in reversed(range(len(names)))), ())
    assert index.find([(bytes(NAME_BYTES),), others[1:]]) == (tuple(range(len(names))), ())
    index.close()


def test_an_index_of_an_earlier_format_is_begun_anew(tmp_path: Path) -> None:
    """Its rows would be taken for others: the next pass reads the log again."""
    with closing(sqlite3.connect(tmp_path / NAME)) as earlier:
        earlier.executescript("create table leaves(name blob, number integer); pragma user_version = 1;")
    index = AuditIndex(tmp_path / NAME)
    assert index.state() == State()
    names = bytes(NAME_BYTES), b"\1" * NAME_BYTES
    index.take_in(State(number=1, size=1), 0, [names])
    assert index.find([names]) == ((0,),)
    index.close()
