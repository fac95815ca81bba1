"""The process that integrates: it writes what the node itself would, whatever becomes of it in between (TLOG-14)."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.impl.client import keys_of
from tests.support.model.world import STORY, pcs, submission

from flk.impl.server.auditing import IntegratePasses
from flk.impl.server.integrating import Place
from flk.impl.server.integrator import Integrator
from flk.impl.server.live_keys import LiveKeys
from flk.impl.server.node import RealNode
from flk.impl.storage.audit_index import NAME, AuditIndex
from flk.impl.storage.objects import open_objects
from flk.impl.storage.sqlite import SqliteStore
from flk.impl.storage.wal import FileDisk
from flk.model.effects import Append, Clock, Effect, FindLeaves, GetObject, Marked, Program, PutObject, TakeIn
from flk.model.effects import Integrated as State
from flk.model.programs.integrate import Added, integrate
from flk.model.programs.recover import recover
from flk.model.programs.rotate import rotate
from flk.model.programs.ship import ship
from flk.model.record.canonical import ACCEPTED
from flk.model.refusal import Refused, Unavailable, unavailable
from flk.model.runtime import run
from flk.model.transparency.leaves import Fact
from flk.spec.constants import CONSTANTS

FACTS = (Fact("keys", "those of the tests"),)
OF_ITS_OWN = {PutObject, GetObject, TakeIn, FindLeaves, State}


class Shipped:
    """A node on real parts in a directory, which has shipped a story, and its integrator."""

    def __init__(self, home: Path, *, asks_all: bool = False) -> None:
        self.home = home
        (home / "objects").mkdir(parents=True)
        self.keys = LiveKeys(keys_of(home), ACCEPTED)
        url = (home / "objects").as_uri()
        self.node = RealNode(
            FileDisk(home / "data", "eu", 1), SqliteStore(home / "store.sqlite"), objects=open_objects(url)
        )
        self.node.at_once |= AuditIndex(home / NAME).performers
        self.integrator = Integrator(Place("eu", url, home, asks_all=asks_all))
        run(recover("eu", self.keys), self.node.perform)
        self.send([each.payload() for each in STORY])

    def send(self, payloads: list[bytes]) -> None:
        """Log, apply and ship."""
        staged = self.node.stage([Append("inbox", each) for each in payloads])
        staged.commit()
        self.node.committed(staged)
        run(rotate(), self.node.perform)
        self.node.store.mark("applied", "")
        run(recover("eu", self.keys), self.node.perform)
        run(ship(), self.node.perform)

    def pass_(self, *, hurries: bool = False) -> Program[Added]:
        """A pass, in the process."""
        return self.integrator.integrate(self.keys.told, FACTS, hurries=hurries)

    @property
    def log(self) -> dict[str, bytes]:
        """The objects of the audit log."""
        root = self.home / "objects/audit"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def close(self) -> None:
        self.integrator.close()
        self.node.close()


@pytest.fixture
def shipped(tmp_path: Path) -> Iterator[Shipped]:
    """A node with its integrator."""
    with closing(Shipped(tmp_path)) as made:
        yield made


def without_times(log: dict[str, bytes]) -> dict[str, int]:
    """Of each object how long it is: all but times, digests and what comes of them is the same for two nodes."""
    return {name: len(content) for name, content in log.items() if not name.startswith("eu/batch/")}


@pytest.mark.slow
def test_the_process_writes_what_the_node_would(shipped: Shipped, tmp_path: Path) -> None:
    """It asks the node for what is in log and store, and for nothing else; and the node finds its leaves."""
    asked: set[type[Effect[Any]]] = set()

    def perform(effect: Effect[Any]) -> Any:
        asked.add(type(effect))
        return shipped.node.perform(effect)

    added = run(shipped.pass_(), perform)
    assert (added.steps, added.leaves, added.waits) == (1, 6, ())
    assert asked
    assert not asked & OF_ITS_OWN
    assert run(integrate("eu", shipped.keys, FACTS), shipped.node.perform) == Added(0, 0, 6)
    with closing(Shipped(tmp_path / "other")) as other:
        run(integrate("eu", other.keys, FACTS), other.node.perform)
        assert without_times(other.log) == without_times(shipped.log)


@pytest.mark.slow
def test_a_refusal_reaches_the_pass_and_the_process_stays(shipped: Shipped) -> None:
    """What the store says of itself ends the pass, word for word; the next is made by the same process."""

    def perform(effect: Effect[Any]) -> Any:
        if isinstance(effect, Marked):
            raise unavailable("the store has had enough")
        return shipped.node.perform(effect)

    with pytest.raises(Unavailable, match="the store has had enough") as refused:
        run(shipped.pass_(), perform)
    assert refused.value.retry_after == CONSTANTS.node.unavailable_retry_after_seconds
    pid = shipped.integrator.pid
    assert run(shipped.pass_(), shipped.node.perform).leaves == 6
    assert shipped.integrator.pid == pid


@pytest.mark.slow
def test_one_that_is_killed_between_effects_leaves_what_the_next_goes_on_from(tmp_path: Path) -> None:
    """Every seventh effect is its last once; then each leaf is there once all the same, and the index tells of each."""
    with closing(Shipped(tmp_path, asks_all=True)) as shipped:
        number, leaves = 0, 0
        while not leaves:
            number += 7
            leaves = killed_at(shipped, number)
        assert number > 7, "some passes were cut off"
        shipped.send([submission(pcs(epoch=77)).payload()])
        assert run(shipped.pass_(), shipped.node.perform) == Added(1, 1, 7)
        assert run(integrate("eu", shipped.keys, FACTS), shipped.node.perform) == Added(0, 0, 7)


def killed_at(shipped: Shipped, number: int) -> int:
    """Leaves that the log has after a pass whose process was killed at its number-th effect, if it came to that; else 0."""
    left = iter(range(number))

    def perform(effect: Effect[Any]) -> Any:
        if next(left, None) is None and shipped.integrator.pid is not None:
            os.kill(shipped.integrator.pid, 9)
        return shipped.node.perform(effect)

    try:
        return run(shipped.pass_(), perform).size
    except Refused as refusal:
        told = refusal.detail
    assert "has ended" in told
    assert shipped.integrator.pid is None
    return 0


@pytest.mark.slow
def test_a_pass_that_is_left_ends_the_process_and_one_that_hurries_has_another(shipped: Shipped) -> None:
    """Nobody takes the answer to one pass for that to another. Who hurries works as the node does, others after all else."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    left = shipped.pass_()
    assert isinstance(next(left), Effect)
    first = shipped.integrator.pid
    left.close()
    assert run(shipped.pass_(), shipped.node.perform).leaves == 6
    second = shipped.integrator.pid
    assert second not in {None, first}
    assert os.getpriority(os.PRIO_PROCESS, second or 0) == min(19, own + CONSTANTS.transparency.niceness)
    assert run(shipped.pass_(hurries=True), shipped.node.perform) == Added(0, 0, 6)
    assert os.getpriority(os.PRIO_PROCESS, shipped.integrator.pid or 0) == own
    shipped.integrator.close()
    assert shipped.integrator.pid is None


def test_what_waits_is_told_while_a_pass_is_made(tmp_path: Path) -> None:
    """A pass that takes for ever fails never: it counts from the pass before, and hurries once that was long ago."""
    keys = LiveKeys(keys_of(tmp_path), ACCEPTED)
    hurried: list[bool] = []

    class Idle(Integrator):
        def integrate(self, keys: Any, facts: Any, *, hurries: bool = False) -> Program[Added]:
            hurried.append(hurries)
            yield Clock()
            return Added(0, 0, 0)

    node = RealNode(FileDisk(tmp_path / "data", "eu", 1), SqliteStore(tmp_path / "store.sqlite"))
    with closing(node):
        passes = IntegratePasses("eu", Idle(Place("eu", "", tmp_path)), keys, lambda: FACTS, node.metrics)
        assert passes.lag() == 0.0
        next(passes.program())
        assert passes.lag() > 0.0
        passes.passed(began=-CONSTANTS.transparency.hurry_seconds)
        assert passes.lag() == 0.0
        next(passes.program())
        passes.failed("the store is away")
        assert passes.lag() > CONSTANTS.transparency.hurry_seconds
        assert hurried == [False, True]


def test_an_index_that_another_process_began_anew_is_opened_again(tmp_path: Path) -> None:
    """And a step that is taken in late sets nothing back."""
    path = tmp_path / NAME
    with closing(AuditIndex(path)) as one, closing(AuditIndex(path)) as other:
        state = one.state()
        for number in (1, 2):
            one.take_in(type(state)(number, number), number - 1, [(b"%016d" % number,)])
        other.take_in(type(state)(1, 1), 0, [(b"%016d" % 1,)])
        assert other.state().number == 2
        one._begin_anew()
        assert other.state() == state
        other.take_in(type(state)(1, 1), 0, [(b"%016d" % 1,)])
        assert one.find([(b"%016d" % 1,), (b"%016d" % 2,)]) == ((0,), ())
