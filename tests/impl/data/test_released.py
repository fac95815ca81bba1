"""What released versions wrote is read: data directories, snapshots and backups, format by format."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.impl.client import Client, keys_of
from tests.support.impl.released import FILES, Told, unpacked
from tests.support.model.world import EXAMINE

from flk.impl.data.check import check
from flk.impl.data.restore import restore
from flk.impl.server.process import server_process


def answered(data: Path, told: list[Told], *options: str) -> None:
    """A node on this directory answers as the version that wrote it had; and says nothing of damage."""
    with (
        server_process(data, keys_of(data.parent), options) as server,
        closing(Client(server)) as client,
    ):
        assert not [line for line in server.said if "damage" in line or "corrupt" in line or "not begun" in line]
        for one in told:
            answer = client.submit(one.submission)
            assert (answer.status, answer.body) == (one.status, one.answer)


def test_there_is_one_of_each_release() -> None:
    """So that the tests below say something."""
    assert FILES


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name.removesuffix(".tar.xz"))
def test_what_a_version_wrote_is_checked_recovered_and_served(file: Path, tmp_path: Path) -> None:
    """Its data directory as it stands, its backup, and its snapshot, from which a node on a new disk starts (SNAP-1, SNAP-7)."""
    told = unpacked(file, tmp_path)
    assert not check(tmp_path / "eu", EXAMINE).findings
    answered(tmp_path / "eu", told)
    restore(tmp_path / "backup", tmp_path / "restored")
    assert not check(tmp_path / "restored", EXAMINE).findings
    answered(tmp_path / "restored", told)
    shutil.rmtree(tmp_path / "eu")
    url = (tmp_path / "objects").as_uri()
    in_snapshot = [one for one in told if b'"epoch":50' not in one.body]
    answered(tmp_path / "eu", in_snapshot, "--objects", url, "--peer", "us")
    assert not list((tmp_path / "eu").glob("eu.000001*"))
