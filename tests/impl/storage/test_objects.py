"""Object stores: a directory and a server that speaks S3 do what the one in memory does, and say so when they are away."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.object_stores import Directory, Place, place

from flk.impl.storage.objects import Objects, open_objects
from flk.model.log.frames import segment_name
from flk.model.memory.parts import Objects as InMemory
from flk.model.refusal import Unavailable
from flk.spec.errors import UnusableInput

pytestmark = pytest.mark.slow

NAMES = st.builds(
    lambda region, disk, sequence: "crr/" + segment_name(f"{region}.{disk:06d}", sequence),
    st.sampled_from(["eu", "eu-2", "us"]),
    st.integers(1, 3),
    st.integers(1, 12),
)
PUTS = st.lists(st.tuples(NAMES, st.binary(max_size=3)), max_size=12)
PREFIXES = st.sampled_from(
    ["crr/eu.", "crr/us.", "crr/eu", "crr/eu.000002/", "crr/", "no/", "crr/us.000001/00000000001"]
)
AFTER = st.one_of(NAMES, st.sampled_from(["", "crr/", "crr/eu.000002", "d"]))

_numbers = count()


@pytest.fixture(scope="module", params=["directory", "s3"])
def there(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An object store of either kind."""
    with pytest.MonkeyPatch.context() as patch, place(request.param, tmp_path_factory.mktemp("place"), patch) as made:
        yield made


def fresh(there: Place) -> Objects:
    """An empty part of it."""
    url = f"{there.url}/{next(_numbers)}"
    if isinstance(there, Directory):
        Path(url.removeprefix("file://")).mkdir()
    return open_objects(url)


@settings(max_examples=40, deadline=None)
@given(PUTS, st.lists(st.tuples(PREFIXES, AFTER), max_size=6))
def test_objects_are_put_once_read_and_listed_as_in_memory(
    there: Place, puts: list[tuple[str, bytes]], asked: list[tuple[str, str]]
) -> None:
    """Whatever is put, in whatever order, twice or not: the same is created, kept and listed (CRR-9)."""
    real, model = fresh(there), InMemory()
    for name, content in puts:
        assert real.put(name, content) == model.put(name, content)
    for name, _ in puts:
        assert real.get(name) == model.objects[name]
    for prefix, after in asked:
        assert real.names(prefix, after) == model.names(prefix, after)
    assert real.get("crr/none.000001/1") is None


def test_what_is_deleted_is_gone_and_its_name_is_free(there: Place) -> None:
    """Deleting what is not there changes nothing (TIR-1)."""
    objects = fresh(there)
    assert objects.put("cold/eu/one", b"1")
    assert objects.put("cold/eu/two", b"2")
    for _ in range(2):
        objects.delete("cold/eu/one")
        assert objects.get("cold/eu/one") is None
        assert objects.names("cold/eu/", "") == ("cold/eu/two",)
    assert objects.put("cold/eu/one", b"3")


def test_a_large_object_comes_back_whole(there: Place) -> None:
    """Of the size of a full segment, and put on the condition that its name is free."""
    objects = fresh(there)
    content = bytes(range(256)) * (1 << 18)
    assert objects.put("crr/eu.000001/000000000001", content)
    assert not objects.put("crr/eu.000001/000000000001", b"other")
    assert objects.get("crr/eu.000001/000000000001") == content


def test_of_a_large_object_only_the_beginning_is_read(there: Place) -> None:
    """As many bytes as were asked for, all if there are no more (DIV-2)."""
    real = fresh(there)
    real.put("some/name", b"0123456789")
    real.put("some/empty", b"")
    for size, content in ((4, b"0123"), (10, b"0123456789"), (11, b"0123456789")):
        assert real.beginning("some/name", size) == content
    assert real.beginning("some/empty", 4) == b""
    assert real.beginning("some/none", 4) is None


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_one_that_is_away_is_unavailable_and_not_empty(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said to be missing, nothing is put elsewhere; when it is back, it works."""
    with place(kind, tmp_path, monkeypatch) as there:
        objects = open_objects(there.url)
        there.go()
        for ask in (
            lambda: objects.names("crr/eu.", ""),
            lambda: objects.get("crr/eu.000001/1"),
            lambda: objects.put("crr/eu.000001/1", b"a"),
        ):
            with pytest.raises(Unavailable, match="the object store does not answer"):
                ask()
        there.come_back()
        assert objects.names("crr/eu.", "") == ()
        assert objects.put("crr/eu.000001/1", b"a")


def test_a_directory_that_is_damaged_inside_is_unavailable(tmp_path: Path) -> None:
    """A file where a directory of objects should be."""
    objects = open_objects(tmp_path.as_uri())
    (tmp_path / "crr").write_bytes(b"")
    with pytest.raises(Unavailable):
        objects.get("crr/eu.000001/1")
    with pytest.raises(Unavailable):
        objects.put("crr/eu.000001/1", b"a")


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("/tmp/objects", "s3://bucket/prefix"),
        ("nosuch://bucket", "s3://bucket/prefix"),
        ("memory://", "s3://bucket/prefix"),
        ("http://host/path", "s3://bucket/prefix"),
        ("file://host/path", "three slashes"),
        ("file:", "three slashes"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_fix(url: str, fix: str) -> None:
    """Before anything is started."""
    with pytest.raises(UnusableInput, match=fix):
        open_objects(url)


def test_a_directory_that_is_not_there_is_away(tmp_path: Path) -> None:
    """It may be mounted later: then it is used, and not before (CRR-11)."""
    objects = open_objects((tmp_path / "later").as_uri())
    with pytest.raises(Unavailable, match="make it, or mount it"):
        objects.names("crr/eu.", "")
    with pytest.raises(Unavailable, match="make it, or mount it"):
        objects.put("crr/eu.000001/1", b"a")
    (tmp_path / "later").mkdir()
    assert objects.put("crr/eu.000001/1", b"a")


def test_an_object_is_replaced_only_as_it_was_seen(there: Place) -> None:
    """One that has changed since, and one that is gone, stay as they are (CRR-10)."""
    objects = fresh(there)
    name = "crr/eu.000001/000000000001"
    assert not objects.replace(name, b"damaged", b"whole")
    assert objects.get(name) is None
    objects.put(name, b"damaged")
    assert not objects.replace(name, b"otherwise", b"whole")
    assert objects.get(name) == b"damaged"
    assert objects.replace(name, b"damaged", b"whole")
    assert objects.get(name) == b"whole"


def test_what_a_directory_was_given_is_synchronised_with_every_directory_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the name was taken: the crash that makes one ask twice may have come before the first synchronisation (CRR-4)."""
    synchronised: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synchronised.append(Path(f"/proc/self/fd/{fd}").readlink()))
    objects = open_objects(tmp_path.as_uri())
    path = tmp_path / "crr" / "eu.000001" / "000000000001"
    for created in (True, False):
        synchronised.clear()
        assert objects.put("crr/eu.000001/000000000001", b"a") is created
        assert synchronised == [path, *path.parents[:3]]
    assert path.parents[2] == tmp_path
