"""What a directory says of itself: whose disk it is, whose member, and in which format that is said."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.impl.client import keys_of
from tests.support.impl.command import flk
from tests.support.impl.rig import Rig

from flk.impl.data.reading import identity
from flk.impl.storage.directory import Identity, identity_of, member_of
from flk.impl.storage.known_time import KnownTime
from flk.model.flow.timekeeping import Moment
from flk.spec.errors import UnusableInput

EU = Identity("eu", 1)
READERS: tuple[tuple[str, Callable[[Path], object]], ...] = (
    ("identity", lambda directory: identity_of(directory, EU)),
    ("identity", identity),
    ("member", lambda directory: member_of(directory, "a store", "redis://here")),
)


def begun(directory: Path) -> None:
    """A node began here, and shares a store."""
    identity_of(directory, EU)
    member_of(directory, "a store", "redis://here")


@pytest.mark.parametrize(("name", "read"), READERS)
def test_a_file_of_an_earlier_version_that_says_no_format_is_read(
    name: str, read: Callable[[Path], object], tmp_path: Path
) -> None:
    """It says the same as one that says it."""
    begun(tmp_path)
    before, path = read(tmp_path), tmp_path / name
    said = json.loads(path.read_bytes())
    assert said.pop("format") == 1
    path.write_text(json.dumps(said))
    assert read(tmp_path) == before


@pytest.mark.parametrize("change", [{"format": 2}, {"format": 9, "more": [1]}])
@pytest.mark.parametrize(("name", "read"), READERS)
def test_a_file_of_a_later_version_is_refused_with_the_fix(
    name: str, read: Callable[[Path], object], change: dict[str, object], tmp_path: Path
) -> None:
    """Whatever else it says; and it stays as it is."""
    begun(tmp_path)
    path = tmp_path / name
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    content = path.read_bytes()
    with pytest.raises(
        UnusableInput, match=rf"{path}: is of format {change['format']}, .* start a later version of flk"
    ):
        read(tmp_path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"format": 1}', b'{"format": "2"}'])
@pytest.mark.parametrize(("name", "read"), READERS)
def test_what_says_nothing_is_refused_by_name(
    name: str, read: Callable[[Path], object], content: bytes, tmp_path: Path
) -> None:
    """Nothing is made up in its place."""
    begun(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnusableInput, match=str(tmp_path / name)):
        read(tmp_path)


def test_every_command_refuses_a_directory_of_a_later_version(tmp_path: Path) -> None:
    """One line with the fix, exit code 2, and nothing is changed."""
    data, out = tmp_path / "eu", tmp_path / "out"
    with closing(Rig(data)) as rig:
        rig.recover()
    path = data / "identity"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "format": 2, "more": []}))
    content, keys = path.read_bytes(), str(keys_of(tmp_path))
    serve = ("serve", "--data", str(data), "--keys", keys, "--port", "0")
    for arguments in (serve, ("data", "check", str(data)), ("backup", str(data), str(out))):
        ended = flk(*arguments)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert "identity: is of format 2, and this version knows 1; fix: start a later version of flk" in ended.stderr
    assert path.read_bytes() == content
    assert not out.exists()


def test_what_a_later_version_knew_of_the_time_is_not_believed(tmp_path: Path) -> None:
    """It is told, and wall time is believed, as on a new machine."""
    KnownTime(tmp_path, "a boot").save(Moment(5.0, 7.0))
    assert KnownTime(tmp_path, "a boot").load() == Moment(5.0, 7.0)
    path = tmp_path / "clock.json"
    said = json.loads(path.read_bytes())
    path.write_text(json.dumps({**said, "format": 2}))
    with capture_logs() as logged:
        assert KnownTime(tmp_path, "a boot").load() is None
    assert [(line["event"], line["reason"]) for line in logged] == [
        ("clock.unknown", "it is of format 2, and this version knows 1")
    ]
    del said["format"]
    path.write_text(json.dumps(said))
    assert KnownTime(tmp_path, "a boot").load() == Moment(5.0, 7.0)
