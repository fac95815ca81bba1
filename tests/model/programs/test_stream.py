"""Streams to SIEMs (SIEM-*): each leaf is told at least once, in order, or noted as refused, whatever the receiver does."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.model.siem import SECRET, Collector, Mood, audit_leaves
from tests.support.model.transparency import LOG, checkpoint_over, objects_over

from flk.model.effects import Draw, Effect, GetObject, Sleep
from flk.model.effects.siem import Behind, MoveOn, NoteRefused, Tell
from flk.model.programs.stream import SIEM, Streamed, stream
from flk.model.siem.targets import Kind, Refusal, Target, request
from flk.model.transparency.checkpoints import BadLog

KINDS = st.sampled_from(Kind)
MOODS = st.lists(st.sampled_from(Mood), max_size=12)


class Crash(Exception):
    """The stream's process ended here."""


class Runner:
    """Performs the effects of streams of a log to a receiver; what is durable outlives a crash, which is armed for an effect."""

    def __init__(self, leaves: Sequence[bytes], collector: Collector) -> None:
        self.leaves = leaves
        self.objects = objects_over(leaves)
        self.collector = collector
        self.behind = 0
        self.refused: list[Refusal] = []
        self.now = 0.0
        self.effects = 0
        self.crash_at = -1
        self.policy = SIEM
        self.told: list[tuple[int, ...]] = []

    def run(self) -> Streamed:
        """A pass, to its end or its crash."""
        program = stream("", checkpoint_over(self.leaves), Target(self.collector.kind), self.policy)
        result: Any = None
        try:
            while True:
                effect = program.send(result)
                number, self.effects = self.effects, self.effects + 1
                if number == self.crash_at:
                    raise Crash
                result = self._perform(effect)
        except StopIteration as stop:
            return cast("Streamed", stop.value)

    def _perform(self, effect: Effect[object]) -> object:
        match effect:
            case GetObject(name):
                return self.objects.get(name)
            case Tell(events):
                self.told.append(tuple(event.sequence for event in events))
                sent = request(Target(self.collector.kind), events, SECRET)
                return self.collector.take(sent.path, sent.headers, sent.body)
            case Behind():
                return self.behind
            case MoveOn(leaves):
                assert leaves > self.behind
                self.behind = leaves
            case NoteRefused(refused):
                self.refused += refused
            case Draw():
                return 0.5
            case Sleep(seconds):
                self.now += seconds
            case _:
                raise AssertionError(effect)
        return None

    def to_the_end(self) -> None:
        """Passes until all leaves are behind the stream."""
        while self.run().waits:
            pass

    def require_told(self, poisoned: set[int]) -> None:
        """Fail unless each leaf was kept, or noted as refused, and first came behind those before it."""
        assert self.behind == len(self.leaves)
        assert {log for log, _ in self.collector.kept} <= {LOG.name}
        first = list(dict.fromkeys(sequence for _, sequence in self.collector.kept))
        assert set(first) == set(range(len(self.leaves))) - poisoned
        noted = {event.sequence for refusal in self.refused for event in refusal.events}
        assert poisoned <= noted
        if self.collector.kind is not Kind.OTLP:  # which tells how many, and not which
            assert noted == poisoned
        if self.collector.kind is not Kind.ELASTIC:  # which takes what it can of a request
            assert first == sorted(first)


@pytest.mark.slow
@given(kind=KINDS, moods=MOODS, size=st.integers(0, 300), poisoned=st.sets(st.integers(0, 299), max_size=3))
@settings(max_examples=60, deadline=None)
def test_each_leaf_is_told_in_order_or_noted_as_refused(
    kind: Kind, moods: list[Mood], size: int, poisoned: set[int]
) -> None:
    """Receivers that are silent, busy, broken, locked, behind a portal, or take a part; events that they never take; requests
    that are too long for them (SIEM-2, SIEM-3).
    """
    poisoned = {number for number in poisoned if number < size}
    runner = Runner(audit_leaves(size, sorted(poisoned)), Collector(kind, moods))
    runner.to_the_end()
    runner.require_told(poisoned)


@pytest.mark.slow
@given(kind=KINDS, moods=MOODS, crashes=st.lists(st.integers(0, 40), max_size=4))
@settings(max_examples=40, deadline=None)
def test_a_stream_that_crashes_anywhere_goes_on(kind: Kind, moods: list[Mood], crashes: list[int]) -> None:
    """What was not known to be taken is told again; nothing is skipped (SIEM-4)."""
    poisoned = {3, 120}
    runner = Runner(audit_leaves(130, sorted(poisoned)), Collector(kind, moods))
    for crash in crashes:
        runner.crash_at = runner.effects + crash
        try:
            runner.run()
        except Crash:
            continue
    runner.crash_at = -1
    runner.to_the_end()
    runner.require_told(poisoned)


@pytest.mark.parametrize("kind", Kind)
def test_a_receiver_that_is_away_for_an_hour_loses_nothing(kind: Kind) -> None:
    """A pass ends when the receiver took nothing five times in a row; the passes of an hour later go on where it was (SIEM-3)."""

    def away() -> Iterator[Mood]:
        while runner.now < 3600:
            yield Mood.GONE

    runner = Runner(audit_leaves(250), Collector(kind, away()))
    passes = 0
    while (streamed := runner.run()).waits:
        assert (streamed.behind, streamed.taken) == (0, 0)
        runner.now += 600
        passes += 1
    assert passes > 3
    assert streamed == Streamed(250, 250, 0)
    runner.require_told(set())


@pytest.mark.parametrize("kind", Kind)
def test_what_a_receiver_asks_for_is_waited(kind: Kind) -> None:
    """A 429 with `Retry-After: 7` is followed by seven seconds at least."""
    runner = Runner(audit_leaves(3), Collector(kind, [Mood.BUSY]))
    assert runner.run() == Streamed(3, 3, 0)
    assert runner.now >= 7


def test_a_request_has_as_many_leaves_as_fit_and_one_at_least() -> None:
    """Up to a number of leaves and of bytes, to the byte; a leaf that is longer than that goes alone."""
    sizes = [5, 5, 5, 5, 9, 1, 9, 2, 20, 20, 3, 3, 3, 3]
    runner = Runner([b"x" * size for size in sizes], Collector(Kind.SUMO))
    runner.policy = replace(SIEM, batch_events=3, batch_bytes=11)
    assert runner.run() == Streamed(14, 14, 0)
    assert runner.told == [(0, 1), (2, 3), (4, 5), (6, 7), (8,), (9,), (10, 11, 12), (13,)]


def test_what_a_pass_came_to_counts_each_leaf_once() -> None:
    """Taken is what is behind the stream and was not refused, also where a part of a request waits: never less than none."""
    away = [Mood.GONE] * SIEM.max_attempts
    runner = Runner(
        audit_leaves(9, [1, 6]), Collector(Kind.ELASTIC, [Mood.SOUND, *away, Mood.SOUND, Mood.PARTLY, *away])
    )
    runner.policy = replace(SIEM, batch_events=3)
    assert runner.run() == Streamed(3, 2, 1, "no answer")
    assert runner.run() == Streamed(6, 3, 1, "no answer")
    assert runner.run() == Streamed(9, 2, 1)
    assert [event.sequence for refusal in runner.refused for event in refusal.events] == [1, 6, 6]


@pytest.mark.slow
@given(kind=KINDS, which=st.integers(0, 10**6), bit=st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_nothing_is_told_that_the_log_has_not_signed(kind: Kind, which: int, bit: int) -> None:
    """A bit of a leaf, or of the hashes, is another: what is told until that is noticed is what the log has signed (SIEM-1)."""
    honest = audit_leaves(280)
    runner = Runner(honest, Collector(kind))
    name = sorted(name for name in runner.objects if name != "checkpoint")[which % (len(runner.objects) - 1)]
    content = bytearray(runner.objects[name])
    content[which % len(content)] ^= 1 << bit
    runner.objects[name] = bytes(content)
    sent: list[tuple[int, bytes]] = []
    perform = runner._perform

    def seen(effect: Effect[object]) -> object:
        if isinstance(effect, Tell):
            sent.extend((event.sequence, event.leaf) for event in effect.events)
        return perform(effect)

    runner._perform = seen  # type: ignore[method-assign]  # to see what is sent
    with pytest.raises(BadLog):
        runner.run()
    assert all(leaf == honest[sequence] for sequence, leaf in sent)
