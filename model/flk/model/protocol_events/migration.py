"""What nodes and the migrator did with keys that move, as events of the protocol `migration`, for one store.

    by a node      InsertOrGet   insert_old, insert_new    if the key was free there
                                 answer_from_old, …_new    if no side follows
                                 answer_after_…_follows    if the side that follows was seen to have it already
                   Replace       answer_after_…_follows
    by a migrator  Advance       write_to_both, verify, cut_over, clean_up, roll_back
                   LookAt        check                     when both sides are found alike, or the old one free
                   Replace       copy
                   Forget        delete_old, delete_new
                   Start, or End by a refusal              crash and resume, if it had begun

A key that is free in the old shard when the migrator lists it has been checked by that: nobody knows its name yet, so the event
comes when somebody inserts it. Keys that also came from other regions change under the rules of `replication`, and are left out:
so the records are read twice.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from flk.model.entries.migration import Phase, Side, follower
from flk.model.protocol_events.observation import END, START, ObservedEffect, ProtocolEvent, event, key

_MIGRATOR = "-migrator"
_TO = {
    Phase.DUAL: "write_to_both",
    Phase.VERIFIED: "verify",
    Phase.CUT_OVER: "cut_over",
    Phase.CLEANED: "clean_up",
    Phase.ROLLED_BACK: "roll_back",
}
_ANSWER = {
    Phase.PLANNED: "answer_from_old",
    Phase.DUAL: "answer_after_new_follows",
    Phase.VERIFIED: "answer_after_new_follows",
    Phase.CUT_OVER: "answer_after_old_follows",
    Phase.CLEANED: "answer_from_new",
    Phase.ROLLED_BACK: "answer_from_old",
}


def migration_events(node: str, records: Callable[[], Iterable[ObservedEffect]]) -> Iterator[ProtocolEvent]:
    """The events of the store of a node (`eu.000001`); `records` gives all records in order, each time it is called."""
    return _Events(node, _elsewhere(node, records())).of(records())


def _elsewhere(node: str, records: Iterable[ObservedEffect]) -> frozenset[str]:
    """The keys that came from another region, too."""
    region = node.rpartition(".")[0]
    claims = (row.fields["claim"] for row in records if row.node == node and row.effect == "InsertOrGet")
    return frozenset(key(claim) for claim in claims if claim["region"] != region)


class _Events:
    """`old` are the keys of the old shard, `listed` says that the migrator has begun to look at them, `seen` what each run last
    saw on either side.
    """

    def __init__(self, node: str, elsewhere: frozenset[str]) -> None:
        region, _, disk = node.rpartition(".")
        self._node, self._migrator = node, f"{region}{_MIGRATOR}.{disk}"
        self._elsewhere = elsewhere
        self._phase = Phase.PLANNED
        self._held: dict[Side, set[str]] = {side: set() for side in Side}
        self._begun = self._listed = False
        self._seen: dict[Hashable, dict[tuple[str, str], Any]] = {}

    def of(self, records: Iterable[ObservedEffect]) -> Iterator[ProtocolEvent]:
        """The events that records stand for."""
        for record in records:
            if record.node not in {self._node, self._migrator}:
                continue
            if record.effect in {START, END}:
                yield from self._over(record)
            elif record.refused or self._about(record) in self._elsewhere:
                continue
            elif record.node == self._node:
                yield from self._of_claim(record)
            else:
                yield from self._of_migrator(record)

    def _of_claim(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        if record.effect == "LookAt":
            self._see(record)
        elif record.effect == "InsertOrGet":
            yield from self._decide(record)
        elif record.effect == "Replace":
            yield from self._replace(record, _ANSWER[Phase(record.fields["phase"])], told=True)

    def _decide(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """The ruling side decides, and that is the answer, if the other side has it or need not."""
        about, side, phase = self._about(record), Side(record.fields["side"]), Phase(record.fields["phase"])
        outcome = _outcome(record.result)
        if about not in self._held[side]:
            self._held[side].add(about)
            if side is Side.OLD and self._listed and self._phase is Phase.DUAL:
                yield event(record, "check", k=about)
            yield event(record, f"insert_{side}", {str(side): {about: outcome}}, k=about, o=outcome)
        other = follower(phase)
        seen = self._seen.get(record.run, {}).get((about, str(other)))
        if other is None or seen == record.result:
            yield event(record, _ANSWER[phase], {"told": {about: outcome}}, k=about)

    def _of_migrator(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        self._begun = True
        about, effect = self._about(record), record.effect
        if effect == "Advance":
            yield from self._advance(record)
        elif effect == "ListKeys":
            self._listed = True
        elif effect == "LookAt":
            self._see(record)
            new = self._seen[record.run].get((about, str(Side.NEW)))
            if record.fields["side"] == Side.OLD and record.result in (None, new):
                yield event(record, "check", k=about)
        elif effect == "Replace":
            yield from self._replace(record, "copy", told=False)
        elif effect == "Forget":
            side = Side(record.fields["side"])
            self._held[side].discard(about)
            yield event(record, f"delete_{side}", k=about)

    def _advance(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        reached = Phase(record.result)
        if reached is not self._phase:
            self._phase, self._listed = reached, False
            yield event(record, _TO[reached], {"phase": str(reached)})

    def _replace(self, record: ObservedEffect, action: str, *, told: bool) -> Iterator[ProtocolEvent]:
        if not record.result:
            return
        about, side, outcome = self._about(record), str(record.fields["side"]), _outcome(record.fields["entry"])
        self._held[Side(side)].add(about)
        state: ProtocolEvent = {side: {about: outcome}}
        yield event(record, action, state | ({"told": {about: outcome}} if told else {}), k=about)

    def _over(self, record: ObservedEffect) -> Iterator[ProtocolEvent]:
        """A migrator that ends by a refusal is begun again, as one that died."""
        self._seen.pop(record.run, None)
        failed = isinstance(record.result, Mapping) and ("refused" in record.result or "error" in record.result)
        if record.node == self._migrator and self._begun and (record.effect == START or failed):
            self._listed = self._begun = False
            yield event(record, "crash")
            yield event(record, "resume")

    def _see(self, record: ObservedEffect) -> None:
        self._seen.setdefault(record.run, {})[self._about(record), str(record.fields["side"])] = record.result

    @staticmethod
    def _about(record: ObservedEffect) -> str:
        """The key that an effect is about."""
        claim = record.fields.get("claim") or record.fields.get("key")
        return key(claim) if isinstance(claim, Mapping) else ""


def _outcome(entry: Mapping[str, Any]) -> str:
    return f"{entry['timestamp']}.{entry['region']}"
