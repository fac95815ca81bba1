"""What nodes do with policies is a path of the protocol `policies`: whatever is changed, sent, shipped, replayed, with crashes."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, POLICY_KEYS, STRICT, WARY
from tests.support.model.world import KEY, pcs

from flk.formal.api.validating import validate
from flk.formal.library.protocols.policies import protocol
from flk.formal.traces import Accepted, Rejected
from flk.model.effects import INBOX
from flk.model.entries.entry import Key, Outcome
from flk.model.flow.submission import from_payload
from flk.model.log.frames import Frame, log_of, scan
from flk.model.memory.node import Node
from flk.model.policies.ruling import ALL, Change, Conflict, Kind, Ruling, decoded
from flk.model.programs import examine as examining
from flk.model.programs.replay import PREFIX
from flk.model.record.record import Pcs, decode
from flk.model.record.signing import Keyring
from flk.model.record.summary import signed as sign_record

KEYRING = Keyring({"default": [KEY]}, policy_keys=POLICY_KEYS)
ASKED = {
    "loose": Change(Kind.REGISTERED, "ops", LOOSE),
    "strict": Change(Kind.REGISTERED, "ops", STRICT),
    "wary": Change(Kind.REGISTERED, "ops", WARY),
    "promote": Change(Kind.PROMOTED, "ops", version="1.1.0"),
    "scrutinise": Change(Kind.PROMOTED, "ops", version="1.3.0"),
    "stage": Change(Kind.STAGED, "ops", version="1.2.0", share=ALL),
    "back": Change(Kind.ROLLED_BACK, "ops"),
}
STORY = (
    "send",
    "loose",
    "promote",
    "send",
    "ship",
    "wary",
    "scrutinise",
    "send",
    "crash",
    "send",
    "back",
    "send",
    "ship",
)


class Watched:
    """A node and a peer of it, whose steps are written down as the protocol names them: from the log, the objects and the stores.

    By which ruling an entry was judged is told by its outcome: by the one that its segment states, if that gives this outcome, or
    else by the latest that does.
    """

    def __init__(self) -> None:
        self.node = Node("eu", KEYRING)
        self.peer = Node("us", KEYRING, peer=self.node)
        self.trace: list[dict[str, Any]] = []
        self._rulings: dict[int, Ruling] = {}
        self._begun: dict[str, int] = {}
        self._seen: dict[str, int] = {}
        self._shipped: set[str] = set()
        self._replayed: set[str] = set()

    def do(self, step: str, number: int) -> None:
        """One step, and what it left."""
        if step == "send":
            self.node.submit(msgspec.json.encode(sign_record(pcs(epoch=number, budget=0.6), KEY)))
        elif step == "ship":
            self.node.ship()
            self.peer.replay(self.node)
        elif step == "crash":
            self.node.crash()
        else:
            try:
                self.node.rule(ASKED[step])
            except Conflict:
                return
        if step == "crash" and self._begun:
            last = max(self._begun, key=lambda name: self._begun[name])
            self._note("crash")
            self._note("reread", t=self._number(last))
        self._look()

    def _note(self, action: str, state: dict[str, object] | None = None, **arguments: object) -> None:
        self.trace.append({"action": action, "arguments": arguments, **({"state": state} if state else {})})

    def _number(self, name: str) -> int:
        return int(name.rpartition("/")[2])

    def _look(self) -> None:
        for name in sorted(name for name in self.node.disk.segments if log_of(name) == self.node.disk.log(INBOX)):
            found = scan(bytes(self.node.disk.segments[name]))
            ruling = decoded(found.stated.text)
            if name not in self._begun:
                if ruling.number > max(self._rulings, default=-1):
                    self._note("change", s=self._number(name), p=ruling.number)
                else:
                    self._note("begin", s=self._number(name))
                self._begun[name], self._seen[name] = ruling.number, 0
                self._rulings[ruling.number] = ruling
            for frame in found.frames[self._seen[name] :]:
                self._note("append", e=self._named(frame), s=self._number(name))
                judged = {self._named(frame): self._judged_by(self.node, frame, ruling)}
                self._note("judge", {"own": judged}, e=self._named(frame), s=self._number(name))
            self._seen[name] = len(found.frames)
        for name in sorted(self._begun):
            if f"{PREFIX}{name}" in self.node.objects.objects and name not in self._shipped:
                self._note("ship", s=self._number(name))
                self._shipped.add(name)
                self._replay(name)

    def _replay(self, name: str) -> None:
        found = scan(bytes(self.node.disk.segments[name]))
        ruling = decoded(found.stated.text)
        if f"{ruling.number}" not in self._replayed:
            self._note("learn", r="us", p=ruling.number)
            self._replayed.add(f"{ruling.number}")
        for frame in found.frames:
            judged = {"us": {self._named(frame): self._judged_by(self.peer, frame, ruling)}}
            self._note("replay", {"by": judged}, r="us", e=self._named(frame), s=self._number(name))

    def _named(self, frame: Frame) -> str:
        return f"{frame.timestamp}"

    def _judged_by(self, node: Node, frame: Frame, stated: Ruling) -> int:
        record = decode(from_payload(frame.payload).body)
        outcome = node.entries.entries[Key("default", record.pcs_id)].outcome
        return next(_explaining(record, outcome, [stated, *reversed(self._rulings.values())])).number


def _explaining(record: Pcs, outcome: Outcome, rulings: list[Ruling]) -> Iterator[Ruling]:
    return (ruling for ruling in rulings if ruling.of("default").judge(record) == outcome)


def traced(steps: tuple[str, ...] | list[str]) -> list[dict[str, Any]]:
    """What was written down of these steps."""
    watched = Watched()
    for number, step in enumerate(steps):
        watched.do(step, number)
    return watched.trace


@settings(deadline=None, max_examples=8)
@given(st.lists(st.sampled_from([*ASKED, "send", "send", "send", "ship", "crash"]), max_size=12))
def test_what_nodes_do_is_a_path_of_the_protocol(steps: list[str]) -> None:
    """In any order: a node that changes its policies, and a peer that replays."""
    assert isinstance(validate(protocol, traced(["send", *steps])), Accepted)


def test_a_story_is_a_path_and_has_every_kind_of_step() -> None:
    """Records under four rulings, judged by a node that dies in between, and by a peer."""
    trace = traced(STORY)
    assert isinstance(validate(protocol, trace), Accepted)
    assert {event["action"] for event in trace} == {
        *("change", "begin", "append", "judge", "ship", "learn", "replay", "crash", "reread"),
    }


@pytest.mark.parametrize("whose", ["node", "peer"])
def test_who_judges_by_another_policy_is_found_out(whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node, or a peer, that knows only the first policy that it saw writes a trace that is no path."""
    watched = Watched()
    genuine = examining.trust_of

    class Stubborn:
        def __init__(self) -> None:
            self._first: Ruling | None = None

        def ruling(self, stated: Any) -> Ruling:
            self._first = self._first or genuine(KEYRING).ruling(stated)
            return self._first

    stubborn = Stubborn()
    for number, step in enumerate(STORY):
        with monkeypatch.context() as changed:
            if (step == "ship") == (whose == "peer"):
                changed.setattr(examining, "trust_of", lambda _: stubborn)
            watched.do(step, number)
    assert isinstance(validate(protocol, watched.trace), Rejected)
