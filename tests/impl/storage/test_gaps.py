"""What of a log on files is gone is missed (WAL-9), and no byte of a body is taken for a frame (WAL-8): on real parts."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.world import EXAMINE, pcs, submission

from flk.impl.server.node import RealNode
from flk.impl.storage.objects import LocalObjects
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import INBOX
from flk.model.entries.entry import Entry, Key
from flk.model.flow.submission import Submission
from flk.model.log.frames import NO_SALT, SALT_BYTES, Frame, Head, data, opening, scan, seal
from flk.model.log.hlc import Timestamp, at
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import Recovery, recover
from flk.model.programs.repair import Incomplete
from flk.model.programs.ship import PREFIX, ship
from flk.model.runtime import run

SENT = [submission(pcs(epoch=epoch)) for epoch in range(9)]
SEGMENT = 1900  # bytes: three submissions, so that the log of nine has two sealed segments behind it and an open one
NOW = 1_767_225_600.0
FORGED = submission(pcs(epoch=99))


@contextmanager
def node_in(directory: Path, accepted: tuple[str, ...] = (), objects: LocalObjects | None = None) -> Iterator[RealNode]:
    """A node on the files in a directory."""
    disk = FileDisk(
        directory, "eu", growth=4096, max_segment_bytes=SEGMENT, synchronise=lambda _: None, accepted=accepted
    )
    with closing(RealNode(disk, SqliteStore(directory / "entries.sqlite"), now=lambda: NOW, objects=objects)) as node:
        yield node


def entries(node: RealNode) -> dict[Key, Entry]:
    """All that is stored."""
    keys = node.store.sample(1000)
    return {key: entry for key, entry in zip(keys, node.store.fetch(keys), strict=True) if entry is not None}


def write(directory: Path, sent: list[Submission], *, seals: bool = True) -> dict[Key, Entry]:
    """Let a node log submissions, seal what is full or not come to it, and end without a word; what it has acknowledged."""
    with node_in(directory) as node:
        run(recover("eu", EXAMINE), node.perform)
        for number, item in enumerate(sent):
            assert run(ingest(item, "eu", EXAMINE), node.perform).status == 200
            if seals and node.disk.is_full(INBOX) and number < len(sent) - 1:
                node.disk.seal(INBOX)
        return entries(node)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Key, Entry]]:
    """A directory with three segments, the last of them open, and what its node acknowledged."""
    directory = tmp_path_factory.mktemp("written")
    acknowledged = write(directory, SENT)
    assert len(list(directory.glob("*/*.wal"))) == 3
    return directory, acknowledged


@pytest.fixture(scope="module")
def unsealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and its node did not come to seal any of the three."""
    directory = tmp_path_factory.mktemp("unsealed")
    write(directory, SENT, seals=False)
    files = sorted(directory.glob("*/*.wal"))
    assert [scan(file.read_bytes()).sealed for file in files] == [False] * 3
    return directory


@contextmanager
def copied(directory: Path, *, store: bool) -> Iterator[Path]:
    """A copy of a directory to do damage in, with the store or without."""
    with tempfile.TemporaryDirectory() as place:
        there = Path(place) / "data"
        shutil.copytree(directory, there)
        if not store:
            for file in there.glob("entries.sqlite*"):
                file.unlink()
        yield there


def recovered(directory: Path, accepted: tuple[str, ...] = ()) -> tuple[Recovery, dict[Key, Entry]]:
    """What recovery says, and what is stored after it. Raises Incomplete."""
    with node_in(directory, accepted) as node:
        recovery = run(recover("eu", EXAMINE), node.perform)
        return recovery, entries(node)


def reports(recovery: Recovery) -> bool:
    """Whether a recovery says that anything is wrong with the log."""
    return bool(recovery.repairs or recovery.gaps or recovery.forgotten or recovery.spoilt)


def damage(files: list[Path], draw: Callable[[st.SearchStrategy[int]], int], kind: str) -> None:
    """Do one thing to one file."""
    file = files[draw(st.integers(0, len(files) - 1))]
    content = bytearray(file.read_bytes())
    place = draw(st.integers(0, max(0, len(bytes(content).rstrip(b"\0")) - 1)))
    match kind:
        case "delete":
            file.unlink()
            return
        case "copy":
            content = bytearray(files[draw(st.integers(0, len(files) - 1))].read_bytes())
        case "cut":
            del content[place:]
        case "page":
            page = place // 512 * 512
            content[page : page + 512] = bytes(len(content[page : page + 512]))
        case _:
            content[place] ^= 1 << draw(st.integers(0, 7))
    file.write_bytes(content)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["delete", "copy", "cut", "page", "flip"]), st.booleans(), st.data())
def test_after_any_one_damage_everything_acknowledged_is_there_or_the_loss_is_reported(
    written: tuple[Path, dict[Key, Entry]],
    kind: str,
    store: bool,
    chooser: st.DataObject,
) -> None:
    """Of the segments, the manifest and the mark one is deleted, replaced by another, cut anywhere, or has a page of zeros or a
    flipped bit, the store being there or not: recovery has every acknowledged entry, or says what is wrong (WAL-4, WAL-9).
    """
    directory, acknowledged = written
    with copied(directory, store=store) as there:
        files = sorted(path for path in (there / "eu.000001").iterdir())
        damage(files, chooser.draw, kind)
        try:
            recovery, stored = recovered(there)
        except Incomplete:
            return
        assert stored.items() <= acknowledged.items()
        assert stored == acknowledged or reports(recovery)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_log_cut_where_a_frame_ends_is_not_taken_for_whole(
    written: tuple[Path, dict[Key, Entry]], unsealed: Path, chooser: st.DataObject
) -> None:
    """Of a sealed segment, the open one, or one that is full and not sealed yet, any number of frames is gone, the store with them
    (WAL-9).
    """
    with copied(chooser.draw(st.sampled_from([written[0], unsealed])), store=False) as there:
        file = chooser.draw(st.sampled_from(sorted(there.glob("*/*.wal"))))
        content = file.read_bytes()
        found = scan(content)
        sizes = [len(data(frame, found.salt)) for frame in found.frames]
        begin = content.index(data(found.frames[0], found.salt))
        kept = chooser.draw(st.integers(0, len(sizes) - 1))
        file.write_bytes(content[: begin + sum(sizes[:kept])] + bytes(chooser.draw(st.sampled_from([0, 4096]))))
        name = f"eu.000001/{file.stem}"
        with pytest.raises(Incomplete, match=f"{name} ends after .* --accept-loss {name}"):
            recovered(there)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_node_goes_on_once_the_loss_of_a_segment_is_accepted(
    written: tuple[Path, dict[Key, Entry]], number: int
) -> None:
    """The first, a middle and the last: until the operator names it the node does not recover; then an empty one takes its place,
    everything else is served, and the next start has nothing to say.
    """
    directory, acknowledged = written
    name = f"eu.000001/{number:012d}"
    with copied(directory, store=False) as there:
        content = (there / f"{name}.wal").read_bytes()
        lost = len(scan(content).frames)
        (there / f"{name}.wal").unlink()
        with pytest.raises(Incomplete, match=f"{name} is missing"):
            recovered(there)
        with pytest.raises(Incomplete):
            recovered(there, ("eu.000001/000000000009",))
        recovery, stored = recovered(there, (name,))
        assert [gap.name for gap in recovery.gaps] == [name]
        assert len(stored) == len(acknowledged) - lost
        again, same = recovered(there)
        assert not reports(again)
        assert same == stored
        assert len(write(there, SENT)) == len(SENT)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_the_store_has_applied_outlives_the_loss_of_its_segment(
    written: tuple[Path, dict[Key, Entry]], number: int
) -> None:
    """The last that was applied, which recovery reads for its clock, included."""
    directory, acknowledged = written
    name = f"eu.000001/{number:012d}"
    with copied(directory, store=True) as there:
        recovered(there)
        (there / f"{name}.wal").unlink()
        with pytest.raises(Incomplete, match=f"{name} is missing"):
            recovered(there)
        recovery, stored = recovered(there, (name,))
        assert [gap.name for gap in recovery.gaps] == [name]
        assert stored == acknowledged
        again, same = recovered(there)
        assert not reports(again)
        assert same == acknowledged


@pytest.mark.slow
@given(st.integers(1, 40))
@settings(max_examples=10, deadline=None)
def test_a_torn_tail_stays_one_beside_a_gap(size: int) -> None:
    """What is left of a segment whose loss is accepted goes to the log's end, once a write cut short there is cut off."""
    name, last = "eu.000001/000000000002", "eu.000001/000000000003"
    with tempfile.TemporaryDirectory() as place:
        there = Path(place) / "data"
        write(there, SENT)
        (there / f"{name}.wal").write_bytes((there / f"{name}.wal").read_bytes()[:1300])  # cuts its second frame short
        end = scan((there / f"{last}.wal").read_bytes()).end
        with (there / f"{last}.wal").open("r+b") as file:
            file.seek(end)
            file.write(b"\xff" * size)
        recovery, stored = recovered(there, (name,))
        assert [gap.name for gap in recovery.gaps] == [name]
        assert [(repair.name, repair.torn, repair.damage) for repair in recovery.repairs] == [(last, size, ())]
        again, same = recovered(there)
        assert not reports(again)
        assert same == stored


def test_a_segment_that_is_put_back_ends_the_gap(written: tuple[Path, dict[Key, Entry]]) -> None:
    """The operator finds the file: the next recovery is whole, and says nothing."""
    directory, acknowledged = written
    with copied(directory, store=False) as there:
        file = there / "eu.000001" / "000000000002.wal"
        file.rename(there / "found")
        with pytest.raises(Incomplete):
            recovered(there)
        (there / "found").rename(file)
        recovery, stored = recovered(there)
        assert not reports(recovery)
        assert stored == acknowledged


@pytest.mark.parametrize("wound", ["missing", "copy", "cut"])
def test_a_segment_that_was_shipped_comes_back_from_its_object(tmp_path: Path, wound: str) -> None:
    """Missing, replaced by a copy of another, or cut: the object is put in its place, and nothing is lost."""
    (tmp_path / "objects").mkdir()
    objects = LocalObjects(tmp_path / "objects")
    data_directory = tmp_path / "data"
    acknowledged = write(data_directory, SENT)
    with node_in(data_directory, objects=objects) as node:
        run(recover("eu", EXAMINE), node.perform)
        run(ship(), node.perform)
    file, other = (data_directory / "eu.000001" / f"00000000000{number}.wal" for number in (2, 1))
    before = file.read_bytes()
    if wound == "missing":
        file.unlink()
    else:
        file.write_bytes(other.read_bytes() if wound == "copy" else before[:1200])
    for path in data_directory.glob("entries.sqlite*"):
        path.unlink()
    with node_in(data_directory, objects=objects) as node:
        recovery = run(recover("eu", EXAMINE), node.perform)
        assert [(gap.name, gap.restored) for gap in recovery.gaps] == [("eu.000001/000000000002", True)]
        assert entries(node) == acknowledged
    assert file.read_bytes() == before
    assert objects.get(PREFIX + "eu.000001/000000000002") == before


def forged_segment(salt: bytes) -> bytes:
    """A segment whose second body holds forged frames and is behind a flipped bit: a timestamp of 1, and a clock past 2^63."""
    honest = [Frame(Timestamp(at(NOW) + number), item.payload()) for number, item in enumerate(SENT[:3])]
    inside = b"".join(
        data(Frame(Timestamp(stamp), FORGED.payload()), guess)
        for stamp in (1, 2**64 - 1)
        for guess in (NO_SALT, bytes(SALT_BYTES - 1) + b"?")
    )
    before = opening(Head("eu", "eu.000001", 1), Timestamp(at(NOW)), salt) + data(honest[0], salt)
    content = bytearray(before + data(Frame(honest[1].timestamp, inside), salt) + data(honest[2], salt))
    content[len(before) + len(salt) + 10] ^= 1
    return bytes(content)


@pytest.mark.parametrize("salt", [NO_SALT, b"8 bytes!"], ids=["earlier format", "salted"])
def test_a_forged_frame_behind_a_flipped_bit_claims_nothing(tmp_path: Path, salt: bytes) -> None:
    """In the earlier format, too, in which it looks like one of the log: its timestamp cannot be of this log (WAL-8)."""
    write(tmp_path, [])
    (tmp_path / "eu.000001").mkdir()
    (tmp_path / "eu.000001" / "000000000001.wal").write_bytes(forged_segment(salt))
    recovery, stored = recovered(tmp_path)
    assert sorted(entry.timestamp for entry in stored.values()) == [at(NOW), at(NOW) + 2]
    (repair,) = recovery.repairs
    assert len(repair.damage) >= 1
    assert repair.disbelieved == (0 if salt else 2)
    with node_in(tmp_path) as node:
        run(recover("eu", EXAMINE), node.perform)
        assert run(ingest(FORGED, "eu", EXAMINE), node.perform).status == 200
        assert at(NOW) < node.clock < at(NOW + 1)


def test_a_log_of_the_earlier_format_is_read_sealed_and_continued(tmp_path: Path) -> None:
    """Without a manifest and without salts: one sealed segment and one that was left open; what comes then is in the new format."""
    (tmp_path / "eu.000001").mkdir(parents=True)
    (tmp_path / "identity").write_text('{"region":"eu","identity":1}')
    for number, items in ((1, SENT[:3]), (2, SENT[3:6])):
        begun = Timestamp(at(NOW) + 10 * number)
        content = opening(Head("eu", "eu.000001", number), begun)
        content += b"".join(data(Frame(Timestamp(begun + n), item.payload())) for n, item in enumerate(items))
        (tmp_path / "eu.000001" / f"00000000000{number}.wal").write_bytes(
            content + seal(content) if number == 1 else content + bytes(64)
        )
    recovery, stored = recovered(tmp_path)
    assert (len(stored), reports(recovery)) == (6, False)
    assert len(write(tmp_path, SENT)) == len(SENT)
    (tmp_path / "eu.000001" / "000000000001.wal").unlink()
    with pytest.raises(Incomplete, match="000000000001 is missing, with"):
        recovered(tmp_path)


def test_each_segment_has_a_salt_of_its_own_and_nobody_chooses_it(tmp_path: Path) -> None:
    """Two logs of the same submissions at the same time have no salt in common."""
    salts = []
    for name in ("a", "b"):
        write(tmp_path / name, SENT)
        salts += [scan(path.read_bytes()).salt for path in (tmp_path / name).glob("*/*.wal")]
    assert len(set(salts)) == len(salts) == 6
    assert all(len(salt) == SALT_BYTES for salt in salts)
