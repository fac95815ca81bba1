"""What one node did with the tiers of its store, as events of the protocol `tiering`.

    Look into the hot tier         ask             of each key that does not wait for an answer yet
    Look that finds                find
    Look into the cold tier        insert          of what is not there, if the program then stores it
    Look into the cold, refused    turn_away       after lose_cold
    Copy to a slower tier          copy_to_warm, copy_to_cold
    Copy to a faster tier          promote
    Delete                         delete_from_hot, delete_from_warm; expire, if what had ended was the window
    Aged                           grow_older      as often as it takes

The cold tier is away from the first effect on it that is refused, and back with the first that is not. A claim takes effect when
the last tier has answered: what is stored a moment later is known only then, so the records are read twice.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from flk.model.entries.tiers import Term, Tier
from flk.model.protocol_events.observation import ObservedEffect, ProtocolEvent, event, key

_AGES = {Term.HOT: 1, Term.WARM: 2, Term.WINDOW: 3}  # of the protocol: grown, old, past
_COPIES = {Tier.WARM: "copy_to_warm", Tier.COLD: "copy_to_cold"}
_OUT_OF_REACH = "TIR-3"


def tiering_events(node: str, records: Callable[[], Iterable[ObservedEffect]]) -> Iterator[ProtocolEvent]:
    """The events of a node; `records` gives all records from the beginning, each time it is called."""

    def own() -> Iterator[ObservedEffect]:
        return (record for record in records() if record.node == node)

    return _Events(survey(own())).of(own())


def survey(records: Iterable[ObservedEffect]) -> dict[int, frozenset[str]]:
    """The first reading: the keys that a program stored as new, by the place of its look into the cold tier. If it looked
    nowhere there, by the place where it stored them.
    """
    found: dict[int, frozenset[str]] = {}
    last: dict[Hashable, int] = {}
    for place, record in enumerate(records):
        if record.effect == "Look" and record.fields["tier"] == Tier.COLD:
            last[record.run] = place
        elif record.effect in {"Insert", "Join"} and not record.refused:
            found[last.pop(record.run, place)] = frozenset(_new(record))
    return found


def _new(record: ObservedEffect) -> Iterator[str]:
    """The keys that an Insert or a Join found in no tier."""
    fields = record.fields
    single = record.effect == "Insert"
    claims, known = ([fields["claim"]], [fields["known"]]) if single else (fields["claims"], fields["known"])
    return (key(claim) for claim, entry in zip(claims, known, strict=True) if entry is None)


class _Events:
    """The second reading. `holds`, `age` and `asked` are only there to tell which steps a record stands for."""

    def __init__(self, inserted: dict[int, frozenset[str]]) -> None:
        self._inserted = inserted
        self._asked: set[str] = set()
        self._holds: dict[str, set[str]] = {tier: set() for tier in Tier}
        self._age: dict[str, int] = {}
        self._cold_up = True
        self._ended: dict[Hashable, str] = {}  # the term that had ended for what a program is moving

    def of(self, records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
        """The events that records stand for."""
        steps = {"Copy": self._copy, "Delete": self._delete, "Aged": self._aged}
        for place, record in enumerate(records):
            if record.effect == "Look":
                yield from self._look(record, self._inserted.get(place, frozenset()))
            elif record.effect in {"Insert", "Join"}:
                for k in sorted(self._inserted.get(place, ())):
                    yield self._stored(record, k)
            elif record.effect in steps:
                yield from self._see_cold(record)
                if not record.refused:
                    yield from steps[record.effect](record)

    def _look(self, record: ObservedEffect, inserted: frozenset[str]) -> Iterator[ProtocolEvent]:
        tier, keys = record.fields["tier"], [key(told) for told in record.fields["keys"]]
        yield from self._see_cold(record)
        if tier == Tier.HOT:
            for k in keys:
                if k not in self._asked:
                    self._asked.add(k)
                    yield event(record, "ask", k=k)
        entries = [None] * len(keys) if record.refused else record.result
        for k, entry in zip(keys, entries, strict=True):
            if entry is not None:
                yield self._answered(record, "find", k)
            elif k in inserted:
                yield self._stored(record, k)
            elif self._is_out_of_reach(record):
                yield self._answered(record, "turn_away", k)

    def _stored(self, record: ObservedEffect, k: str) -> ProtocolEvent:
        self._holds[Tier.HOT].add(k)
        self._age[k] = 0
        return self._answered(record, "insert", k)

    def _answered(self, record: ObservedEffect, action: str, k: str) -> ProtocolEvent:
        self._asked.discard(k)
        return event(record, action, k=k)

    def _copy(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        to = record.fields["to"]
        for k in map(key, record.result):
            if k not in self._holds[to]:
                self._holds[to].add(k)
                up = to == Tier.HOT or record.fields["source"] == Tier.COLD
                yield event(record, "promote" if up else _COPIES[to], k=k)

    def _delete(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        tier = record.fields["tier"]
        for k in map(key, record.result):
            self._holds[tier].discard(k)
            if self._ended.get(record.run) == Term.WINDOW:
                yield event(record, "expire", k=k, t=tier)
            else:
                yield event(record, f"delete_from_{tier}", k=k)

    def _aged(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        term = self._ended[record.run] = record.fields["term"]
        for k in map(key, record.result):
            for _ in range(self._age.get(k, 0), _AGES[Term(term)]):
                yield event(record, "grow_older", k=k)
            self._age[k] = max(self._age.get(k, 0), _AGES[Term(term)])

    def _see_cold(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """Whether the cold tier is there, if this was about it."""
        fields = record.fields
        if Tier.COLD not in {fields.get("tier"), fields.get("source"), fields.get("to")}:
            return
        if self._cold_up and self._is_out_of_reach(record):
            self._cold_up = False
            yield event(record, "lose_cold")
        elif not self._cold_up and not record.refused:
            self._cold_up = True
            yield event(record, "regain_cold")

    def _is_out_of_reach(self, record: ObservedEffect) -> bool:
        result: Any = record.result
        return record.refused and result["refused"] == _OUT_OF_REACH
