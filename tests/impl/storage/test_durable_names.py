"""What a directory is known to have durably, whoever else works in it."""

import os
import shutil
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.impl.storage.durable_names import SETTLED_SECONDS, DurableNames

LONG_AGO = 1_000_000_000
NAMES = st.sampled_from(["a/b/1", "a/b/2", "a/1", "a/c/1", "a/c/d/1", "1"])
PROCESSES = 2


class Place:
    """A directory, and how much of it would be there after a crash: the entries that each directory had, and which directory it
    was, when it was last synchronised. Time goes on with each change, and all of it is long ago.
    """

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.synchronised = 0
        self._durable: dict[int, set[tuple[str, int]]] = {}
        self._ticks = count(LONG_AGO)
        self._generations = count(1)
        self._of: dict[Path, int] = {root: 0}
        self._age(root)
        patch.setattr(os, "fsync", self._synchronise)

    def put(self, name: str, names: DurableNames) -> None:
        """Write a file, and make its name durable."""
        self.make(self.root / name)
        names.synchronise(self.root / name)

    def make(self, path: Path) -> None:
        """Write a file in directories that need not be there."""
        missing = [each for each in path.parents if not each.exists()]
        for each in reversed(missing):
            each.mkdir()
            self._of[each] = next(self._generations)
            self._age(each)
            self._age(each.parent)
        if not path.exists():
            path.write_bytes(b"")
            self._age(path.parent)

    def remove(self, name: str) -> None:
        """Remove a file or a directory with all that is in it."""
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        if path.parent.exists():
            self._age(path.parent)

    def survives(self, name: str) -> bool:
        """Whether a file is there after a crash."""
        path = self.root / name
        ways = [path, *path.parents]
        ways = ways[: ways.index(self.root)]
        return all(self._entry(each) in self._durable.get(self._of[each.parent], set()) for each in ways)

    def _entry(self, path: Path) -> tuple[str, int]:
        return path.name, self._of[path] if path.is_dir() else -1

    def _synchronise(self, fd: int) -> None:
        directory = Path(f"/proc/self/fd/{fd}").readlink()
        self._durable[self._of[directory]] = {self._entry(each) for each in directory.iterdir()}
        self.synchronised += 1

    def _age(self, directory: Path) -> None:
        tick = next(self._ticks)
        os.utime(directory, (tick, tick))


STEPS = st.one_of(
    st.tuples(st.just("put"), NAMES, st.integers(0, PROCESSES - 1)),
    st.tuples(st.just("make"), NAMES, st.just(0)),
    st.tuples(st.just("remove"), st.sampled_from(["a", "a/b", "a/c", "a/c/d", "a/b/1", "a/1"]), st.just(0)),
)


@given(steps=st.lists(STEPS, max_size=25))
def test_a_name_that_was_made_durable_survives(steps: list[tuple[str, str, int]]) -> None:
    """Whatever two processes put, and whatever others write and remove in between, the directories above included."""
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        place = Place(Path(directory), patch)
        processes = [DurableNames(place.root) for _ in range(PROCESSES)]
        for what, name, process in steps:
            if what == "put":
                place.put(name, processes[process])
                assert place.survives(name)
            elif what == "make":
                place.make(place.root / name)
            else:
                place.remove(name)


def test_what_is_as_it_was_is_not_synchronised_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more object in a directory costs that directory's synchronisation, and none above it."""
    place, names = Place(tmp_path, monkeypatch), DurableNames(tmp_path)
    for name, directories in (("a/c/d/1", 4), ("a/c/d/1", 0), ("a/c/d/2", 1), ("a/b/1", 2), ("a/b/1", 0)):
        before = place.synchronised
        place.put(name, names)
        assert place.synchronised - before == directories


@pytest.mark.parametrize(("ago", "times"), [(SETTLED_SECONDS / 2, 2), (SETTLED_SECONDS + 60, 1)])
def test_what_changed_just_now_is_synchronised_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ago: float, times: int
) -> None:
    """It may change once more at the same time of change."""
    synchronised: list[int] = []
    monkeypatch.setattr(os, "fsync", synchronised.append)
    (tmp_path / "1").write_bytes(b"")
    _put_back(tmp_path, ago)
    names = DurableNames(tmp_path)
    for _ in range(2):
        names.synchronise(tmp_path / "1")
    assert len(synchronised) == times


def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    """Nothing is durable in it."""
    with pytest.raises(OSError, match="gone"):
        DurableNames(tmp_path).synchronise(tmp_path / "gone" / "1")


def _put_back(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
