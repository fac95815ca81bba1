"""The records of a data set are computed once on a machine, and never read from a file that does not hold them."""

from pathlib import Path

import msgspec
import pytest

from flk.model.record.record import Pcs
from flk.model.samples import cache
from flk.model.samples.datasets import DIGESTS, unsigned

NAME = "goog-prices"


def read(place: Path, data: bytes = b"data") -> tuple[tuple[Pcs, ...], int]:
    """The records by way of the cache, and how often they were computed for that."""
    computed = 0

    def compute() -> tuple[Pcs, ...]:
        nonlocal computed
        computed += 1
        return unsigned(NAME)

    return cache.remembered(NAME, data, DIGESTS[NAME], compute, place), computed


def test_records_are_computed_once(tmp_path: Path) -> None:
    """The second time they come from the file, equal to what was computed; other data have a file of their own."""
    place = tmp_path / "new" / "directory"
    assert read(place) == (unsigned(NAME), 1)
    assert read(place) == (unsigned(NAME), 0)
    assert read(place, b"other data")[1] == 1
    assert len(list(place.iterdir())) == 2


@pytest.mark.parametrize("how", ["changed", "cut short", "emptied", "another list of records"])
def test_a_file_that_is_not_the_records_is_not_read(tmp_path: Path, how: str) -> None:
    """Whatever was done to it, the records are computed anew, and the file is right again."""
    read(tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    wrong = {
        "changed": whole.replace(b"0", b"1", 1),
        "cut short": whole[:-1],
        "emptied": b"",
        "another list of records": msgspec.msgpack.encode(unsigned(NAME)[1:]),
    }
    file.write_bytes(wrong[how])
    assert read(tmp_path) == (unsigned(NAME), 1)
    assert file.read_bytes() == whole


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    """A cache is a help, never a condition."""
    (tmp_path / "a file").write_text("")
    assert read(tmp_path / "a file" / "below")[1] == 1


def test_the_digests_are_those_of_the_records() -> None:
    """What is computed here and now is what the lab knows."""
    assert cache.digest_of(msgspec.msgpack.encode(unsigned(NAME))) == DIGESTS[NAME]
