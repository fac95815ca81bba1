"""Traces of nodes whose region has several disks, and of disks that rot, are what `replication` allows; false salvages are not."""

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.world import EXAMINE, pcs, submission

from flk.formal.library.protocols import replication
from flk.formal.traces import Accepted, Rejected, Validation, validate
from flk.formal.traces.relaxations import unlimited
from flk.model.effects import INBOX, Effect, Program, Salvage
from flk.model.log.frames import OVERHEAD, scan
from flk.model.memory.memory import MemoryNode
from flk.model.memory.parts import Disk, Entries, Objects
from flk.model.programs.ingest import ingest
from flk.model.programs.recover import reclaim, recover
from flk.model.programs.replay import replay
from flk.model.programs.ship import ship
from flk.model.protocol_events.observation import ObservedEffect, ended, observed, started
from flk.model.protocol_events.replication import replication_events
from flk.model.refusal import Refused
from flk.model.runtime import run

R = TypeVar("R")
REPLICATION = unlimited(replication.protocol)
NODES = ("eu.000001", "eu.000002", "us.000001")
Records = list[ObservedEffect]


class Traced:
    """Nodes in memory, two of them of one region, and what they do."""

    def __init__(self) -> None:
        self.records: Records = []
        self.nodes: dict[str, MemoryNode] = {}
        self._objects = Objects()
        self._clock = count()
        self._runs = count(1)

    def start(self, name: str) -> None:
        """A process begins on a disk, new or not, and recovers."""
        region, _, number = name.rpartition(".")
        old = self.nodes.get(name)
        disk, entries = (old.disk, old.entries) if old else (Disk(region, int(number)), Entries())
        clock = self._clock
        self.nodes[name] = MemoryNode(disk, entries, self._objects, lambda: 1_767_225_600.0 + next(clock) / 1000)
        self.records.append(started(name))
        self.run(name, "recover", recover(region, EXAMINE))

    def run(self, name: str, kind: str, program: Program[R]) -> R:
        """A program on a node, observed."""
        number = next(self._runs)

        salt_of = self.nodes[name].disk.salt

        def perform(effect: Effect[Any]) -> Any:
            try:
                result = self.nodes[name].perform(effect)
            except Refused as refusal:
                self.records.append(observed(name, kind, number, effect, refusal, salt_of))
                raise
            self.records.append(observed(name, kind, number, effect, result, salt_of))
            return result

        result = run(program, perform)
        self.records.append(ended(name, kind, number, result))
        return result

    def submit(self, name: str, epoch: int) -> None:
        """One honest record."""
        self.run(name, "ingest", ingest(submission(pcs(epoch=epoch)), name.partition(".")[0], EXAMINE))

    def ship(self, name: str) -> None:
        """What a node has sealed goes to the object store."""
        self.run(name, "ship", ship())

    def read(self, name: str) -> None:
        """A node replays the other region, and on a later disk looks again at what its own has shipped."""
        region = name.partition(".")[0]
        for peer in {"eu", "us"} - {region}:
            self.run(name, "replay", replay(peer, EXAMINE))
        if not name.endswith("1"):
            self.run(name, "reclaim", reclaim(region, EXAMINE))

    def rot(self, name: str, at: int) -> None:
        """A bit of the log flips: in the last segment that has a frame, if there is one."""
        disk = self.nodes[name].disk
        for segment in reversed(disk.names(INBOX)):
            if scan(bytes(disk.segments[segment])).frames:
                content = disk.segments[segment]
                content[at % len(content)] ^= 1 << at % 8
                return


def verdict(records: Records) -> Validation:
    """What `replication` says of a trace."""
    return validate(REPLICATION, map(msgspec.json.encode, replication_events(lambda: records)), "disks")


ACTS: Mapping[str, Callable[[Traced, str, int], None]] = {
    "submit": lambda traced, name, at: traced.submit(name, at % 6),
    "ship": lambda traced, name, _: traced.ship(name),
    "read": lambda traced, name, _: traced.read(name),
    "restart": lambda traced, name, _: traced.start(name),
    "rot": lambda traced, name, at: traced.rot(name, at),
}


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["submit", "submit", "submit", "ship", "ship", "read", "read", "restart", "rot"]),
            st.sampled_from(NODES),
            st.integers(0, 2000),
        ),
        max_size=40,
    )
)
def test_whatever_honest_nodes_do_is_accepted(acts: list[tuple[str, str, int]]) -> None:
    """Two nodes of one region and one of another write, ship, read and start again in any order, while their disks rot."""
    traced = Traced()
    for act, name, at in acts:
        if name not in traced.nodes:
            traced.start(name)
        ACTS[act](traced, name, at)
    if traced.records:
        found = verdict(traced.records)
        assert isinstance(found, Accepted), found


def test_a_log_that_goes_on_after_the_next_has_begun_is_read_on() -> None:
    """The first node of a region serves on beside a second: another region, and the second, take in all that it ships (CRR-5)."""
    traced = Traced()
    for name in ("eu.000001", "us.000001"):
        traced.start(name)
    traced.submit("eu.000001", 1)
    traced.ship("eu.000001")
    traced.start("eu.000002")
    traced.submit("eu.000002", 2)
    traced.ship("eu.000002")
    traced.read("us.000001")
    traced.submit("eu.000001", 3)
    traced.ship("eu.000001")
    for name in ("us.000001", "eu.000002"):
        traced.read(name)
        assert len(traced.nodes[name].entries.entries) == 3
    found = verdict(traced.records)
    assert isinstance(found, Accepted), found
    assert (found.actions["find"], found.actions["serve"]) == (1, 3)


def salvaged() -> Records:
    """A node whose sealed segment rots before it ships: of four frames one is lost, and three are appended again."""
    traced = Traced()
    for name in ("eu.000001", "us.000001"):
        traced.start(name)
    for epoch in range(4):
        traced.submit("eu.000001", epoch)
    disk = traced.nodes["eu.000001"].disk
    disk.seal(INBOX)
    (segment,) = disk.names(INBOX)
    size = OVERHEAD + len(scan(bytes(disk.segments[segment])).frames[0].payload)
    disk.segments[segment][len(disk.segments[segment]) - 2 * size] ^= 1
    for _ in range(2):
        traced.ship("eu.000001")
    traced.read("us.000001")
    return traced.records


def test_an_honest_salvage_is_accepted() -> None:
    """What rotted is told, and what is left arrives elsewhere out of its new segment (WAL-4)."""
    found = verdict(salvaged())
    assert isinstance(found, Accepted), found
    assert (found.actions["rot"], found.actions["salvage"], found.actions["merge"]) == (1, 1, 3)


def lost(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the first."""
    return frames[1:]


def invented(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With one more, that was never appended."""
    return [*frames, frames[-1] | {"timestamp": f"{int(frames[-1]['timestamp'], 16) + 1:016x}"}]


def moved(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last one under a later timestamp."""
    return [*frames[:-1], *invented(frames)[-1:]]


@pytest.mark.parametrize("lie", [lost, invented, moved])
def test_a_false_salvage_is_rejected(lie: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
    """A frame that could be read is missing in it, one was never there, or one has another timestamp: told where it stands."""
    records = [
        record._replace(fields={**record.fields, "frames": lie(record.fields["frames"])})
        if record.effect == Salvage.__name__
        else record
        for record in salvaged()
    ]
    found = verdict(records)
    assert isinstance(found, Rejected)
    assert found.event.startswith("salvage(")
    assert found.reasons[0].kind == "state"
    assert "logged[eu.000001" in found.reasons[0].what


def test_a_segment_that_lost_a_frame_unseen_is_rejected() -> None:
    """Without a word of rot a peer cannot have taken in all of it: the watermark of who read the salvaged log stands (CRR-4)."""
    whole = [
        record._replace(result={"bytes": record.result["bytes"]})
        if record.effect == "ReadSegment" and "frames" in record.result
        else record
        for record in salvaged()
    ]
    assert isinstance(verdict(whole), Rejected)
