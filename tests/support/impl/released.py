"""What released versions wrote: a data directory, the object store beside it, a backup, and what a client would be told of it.

`python -m tests.support.impl.released` writes the file of this version. It is written once for each release, and never again: a
later version reads it.
"""

import tarfile
import tempfile
from contextlib import closing
from itertools import count
from pathlib import Path

import msgspec
from tests.support.impl.object_stores import Directory
from tests.support.impl.rig import Rig
from tests.support.model.world import EQUIVOCATING, EXAMINE, STORY, pcs, submission

from flk.impl.data.backup import back_up
from flk.impl.data.restore import restore
from flk.impl.storage.objects import open_objects
from flk.model.flow.submission import Submission
from flk.model.flow.timekeeping import Timekeeper
from flk.model.programs.ingest import ingest
from flk.model.programs.replay import replay
from flk.model.programs.ship import ship
from flk.model.programs.snapshot import snapshot
from flk.spec import __version__

FOLDER = Path(__file__).parent / "released"
FILES = sorted(FOLDER.glob("*.tar.xz"))
BEGAN = 1_735_689_600.0  # long ago, so that a node on any machine may go on after it
LATE = submission(pcs(epoch=50))
SENT = (*STORY, LATE)


class Told(msgspec.Struct, frozen=True):
    """A submission, and the status and body that answered it again, when all was stored."""

    tenant: str
    body: bytes
    status: int
    answer: bytes

    @property
    def submission(self) -> Submission:
        """What was sent."""
        return Submission(self.tenant, self.body)


def unpacked(file: Path, to: Path) -> list[Told]:
    """Unpack what a version wrote; what it had told."""
    with tarfile.open(file) as tar:
        tar.extractall(to, filter="data")
    return msgspec.json.decode((to / "told.json").read_bytes(), type=list[Told])


def write() -> Path:
    """Write what this version writes."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{__version__}.tar.xz"
    with tempfile.TemporaryDirectory() as made, tarfile.open(file, "w:xz") as tar:
        _make(Path(made))
        for name in ("eu", "objects", "backup", "told.json"):
            tar.add(Path(made) / name, name, filter=_anonymous)
    return file


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Without owner and time; and without locks."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(BEGAN)
    return None if member.name.endswith("/lock") else member


def _make(directory: Path) -> None:
    """A region that met a rival of another, shipped, and wrote a snapshot; then took one record more, which stands in its log."""
    objects = open_objects(Directory(directory / "objects").url)
    moment = count()
    tick = Timekeeper(lambda: BEGAN + next(moment) / 1000, lambda: BEGAN)
    with closing(Rig(directory / "us", region="us", objects=objects, timekeeper=tick)) as us:
        us.recover()
        us.runtime.perform(ingest(EQUIVOCATING, "us", EXAMINE))
        us.runtime.perform(ship())
    with closing(Rig(directory / "eu", objects=objects, timekeeper=tick)) as eu:
        eu.recover()
        for item in STORY:
            eu.runtime.perform(ingest(item, "eu", EXAMINE))
        eu.runtime.perform(ship())
        eu.runtime.perform(replay("us", EXAMINE))
        eu.runtime.perform(snapshot("eu", ["us"]))
        eu.runtime.perform(ingest(LATE, "eu", EXAMINE))
        eu.node.store.flush()
        back_up(directory / "eu", directory / "backup")
    told = _told(directory, tick)
    (directory / "told.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=1))


def _told(directory: Path, tick: Timekeeper) -> list[Told]:
    """What a copy of the region answers: asked itself, it would log the questions."""
    restore(directory / "backup", directory / "copy")
    with closing(Rig(directory / "copy", timekeeper=tick)) as copy:
        copy.recover()
        answers = [(item, copy.runtime.perform(ingest(item, "eu", EXAMINE))) for item in SENT]
    return [Told(item.tenant, item.body, answer.status, answer.body) for item, answer in answers]


if __name__ == "__main__":
    print(write())
