"""A change of policies stands in the log, holds for what comes behind it, and for everybody who reads the log."""

from functools import partial

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.policies import LOOSE, POLICY_KEYS, STRICT, WARY, signed
from tests.support.model.world import KEY, pcs

from flk.model.effects import INBOX
from flk.model.log.frames import CorruptSegment, Stated, scan
from flk.model.log.hlc import Timestamp
from flk.model.log.manifest import compacted, said_in
from flk.model.memory.node import Node
from flk.model.policies.ruling import ALL, NO_RULING, Change, Conflict, changed, decoded, encoded
from flk.model.policies.ruling import Kind as Done
from flk.model.policies.signing import Unsigned
from flk.model.policies.trust import Trust, Unvouched
from flk.model.programs.examine import examine
from flk.model.programs.feed import feed, follow
from flk.model.record.signing import Keyring
from flk.model.record.summary import signed as sign_record
from flk.model.refusal import Refused
from flk.model.runtime import run

KEYRING = Keyring({"default": [KEY], "other": [KEY]}, policy_keys=POLICY_KEYS)
ASKED = {
    "loose": Change(Done.REGISTERED, "ops", LOOSE),
    "strict": Change(Done.REGISTERED, "ops", STRICT),
    "wary": Change(Done.REGISTERED, "ops", WARY),
    "promote": Change(Done.PROMOTED, "ops", version="1.1.0"),
    "scrutinise": Change(Done.PROMOTED, "ops", version="1.3.0"),
    "stage": Change(Done.STAGED, "ops", version="1.2.0", share=ALL // 2),
    "back": Change(Done.ROLLED_BACK, "ops"),
}
steps = st.lists(st.sampled_from([*ASKED, "send", "send", "other", "ship", "crash"]), max_size=14)


def deviating(number: int) -> bytes:
    """A record whose budget only the loose policy accepts."""
    return msgspec.json.encode(sign_record(pcs(epoch=number, budget=0.6), KEY))


def taken(node: Node, wanted: list[str]) -> None:
    """Do what is wanted, as far as it can be done."""
    for number, step in enumerate(wanted):
        if step in ("send", "other"):
            node.submit(deviating(number), "default" if step == "send" else "other")
        elif step == "ship":
            node.ship()
        elif step == "crash":
            node.crash()
        else:
            try:
                node.rule(ASKED[step])
            except Conflict:
                continue


@settings(deadline=None)
@given(steps)
def test_every_reader_of_a_log_comes_to_the_outcomes_of_its_node(wanted: list[str]) -> None:
    """Whatever is changed and sent, in any order, with crashes: a peer, a new store and the node agree, tenant by tenant."""
    eu = Node("eu", KEYRING)
    us = Node("us", KEYRING, peer=eu)
    taken(eu, wanted)
    eu.ship()
    us.replay(eu)
    assert us.entries.entries == eu.entries.entries
    before = dict(eu.entries.entries)
    eu.entries.entries.clear()
    eu.entries.marks.clear()
    eu.crash()
    assert eu.entries.entries == before


@settings(deadline=None)
@given(steps)
def test_each_segment_states_what_holds_for_its_frames(wanted: list[str]) -> None:
    """One policy holds in a segment, and the manifest knows which, also once it has forgotten the beginning."""
    node = Node("eu", KEYRING)
    taken(node, wanted)
    notes = node.disk.noted(INBOX, node.disk.inspect(INBOX, 0).wall).notes  # type: ignore[arg-type]
    for number, name in enumerate(node.disk.names(INBOX), 1):
        found = scan(bytes(node.disk.segments[name]))
        assert all(frame.stated == found.stated for frame in found.frames)
        assert said_in(notes, number) == found.stated
        assert all(said_in(compacted(notes, last), number) == found.stated for last in range(1, number + 1))
    assert node.disk.stated_at(INBOX).text in {b"", *(scan(bytes(s)).stated.text for s in node.disk.segments.values())}


def test_without_a_policy_a_log_has_the_bytes_that_it_had() -> None:
    """Nothing is written for policies before there is one."""
    node = Node("eu", KEYRING)
    taken(node, ["send", "crash", "send", "ship"])
    assert all(not scan(bytes(segment)).stated.text for segment in node.disk.segments.values())
    assert all(note.stated is None for note in node.disk.noted(INBOX, 0).notes)  # type: ignore[arg-type]


def test_a_change_holds_from_the_next_record_on() -> None:
    """What was stored stays, and its repeat is told the same; what comes later is judged anew."""
    node = Node("eu", KEYRING)
    assert node.submit(deviating(1)).status == 202
    taken(node, ["loose", "promote"])
    assert (node.submit(deviating(1)).status, node.submit(deviating(2)).status) == (202, 200)
    node.rule(ASKED["back"])
    assert (node.submit(deviating(2)).status, node.submit(deviating(3)).status) == (200, 202)
    assert [event.kind for event in decoded(node.disk.stated_at(INBOX).text).history] == [
        Done.REGISTERED,
        Done.PROMOTED,
        Done.ROLLED_BACK,
    ]


def test_a_node_asks_besides_what_its_log_states_and_nothing_before() -> None:
    """Scrutiny is on from the promotion on, the reason of the outcome tells it, and a peer comes to the same."""
    eu = Node("eu", KEYRING)
    us = Node("us", KEYRING, peer=eu)
    taken(eu, ["loose", "promote", "send", "wary"])
    before = eu.submit(deviating(10))
    taken(eu, ["scrutinise"])
    after = eu.submit(deviating(11))
    assert [msgspec.json.decode(answer.body)["reason"] for answer in (before, after)] == ["ok", "D_hat_unusual"]
    assert (before.status, after.status) == (200, 202)
    eu.ship()
    us.replay(eu)
    assert us.entries.entries == eu.entries.entries
    assert [event.version for event in eu.rule(ASKED["back"]).history][-2:] == ["1.3.0", "1.1.0"]
    assert eu.submit(deviating(12)).status == 200


def test_a_policy_frame_that_rotted_is_known_from_the_manifest() -> None:
    """Salvaged frames are judged as they were, under a policy that no longer holds."""
    node = Node("eu", KEYRING)
    taken(node, ["loose", "promote"])
    assert node.submit(deviating(1)).status == 200
    name = node.disk.names(INBOX)[-1]
    node.rule(ASKED["back"])
    at = node.disk.segments[name].find(b'"tol_D"')
    node.disk.segments[name][at] ^= 1
    before = dict(node.entries.entries)
    node.entries.entries.clear()
    node.entries.marks.clear()
    assert node.crash().repairs
    assert node.entries.entries == before
    assert node.submit(deviating(2)).status == 202
    us = Node("us", KEYRING, peer=node)
    node.ship()
    us.replay(node)
    assert before.items() <= us.entries.entries.items()


def test_who_lacks_the_key_waits_and_says_so() -> None:
    """A peer without the policy's key judges nothing by guess, and goes on once it has the key."""
    eu = Node("eu", KEYRING)
    bare = Node("us", Keyring({"default": [KEY]}), peer=eu)
    eu.submit(deviating(1))
    eu.ship()
    taken(eu, ["loose", "promote"])
    eu.submit(deviating(2))
    eu.ship()
    with pytest.raises(Unvouched, match=r"POL-5.*'ops' is not known here"):
        bare.replay(eu)
    assert len(bare.entries.entries) == 1
    us = Node("us", KEYRING, peer=eu)
    us.replay(eu)
    assert us.entries.entries == eu.entries.entries


BEYOND = [
    ({"tol_D": 4.5}, "tol_D"),
    ({"alpha": 0.9, "beta": 0.9}, "gamma"),
    ({"flags": {"skip_signature": True}}, "skip_signature"),
    ({"sticky_D_hat_max": 3.0, "non_sticky_D_hat_min": 2.0}, "sticky_D_hat_max"),
]


@pytest.mark.parametrize(("changes", "field"), BEYOND)
def test_a_signature_does_not_make_a_policy_of_what_is_none(changes: dict[str, object], field: str) -> None:
    """A node does not take it, and of a segment that states it nobody judges anything (POL-2, POL-5)."""
    policy = signed(version="1.1.0", **changes)
    node = Node("eu", KEYRING)
    with pytest.raises(Refused, match=field) as refused:
        node.rule(Change(Done.REGISTERED, "ops", policy))
    assert (refused.value.requirement, refused.value.field) == ("POL-2", field)
    stated = encoded(changed(NO_RULING, Change(Done.REGISTERED, "ops", policy), Timestamp(1)))
    with pytest.raises(Unvouched, match=rf"POL-2: .*{field}"):
        Trust(POLICY_KEYS).ruling(Stated(Timestamp(1), stated))


def test_only_what_a_known_key_signed_is_taken() -> None:
    """Nothing is stated that a reader would refuse."""
    node = Node("eu", KEYRING)
    for policy in (msgspec.structs.replace(LOOSE, signature=""), msgspec.structs.replace(LOOSE, tol_D=0.9)):
        with pytest.raises(Unsigned):
            node.rule(Change(Done.REGISTERED, "ops", policy))
    with pytest.raises(Conflict, match="not known here"):
        Node("eu", Keyring({})).rule(Change(Done.PROMOTED, "ops", version="1.1.0"))
    assert not node.disk.names(INBOX)


def test_a_forged_policy_in_a_shipped_segment_is_refused() -> None:
    """Whoever can write objects cannot say how records are judged: without the key the segment states nothing that counts."""
    eu = Node("eu", KEYRING)
    taken(eu, ["loose", "promote"])
    eu.submit(deviating(1))
    eu.ship()
    name = next(name for name in eu.objects.objects if b'"tol_budget":0.5' in eu.objects.objects[name])
    eu.objects.objects[name] = eu.objects.objects[name].replace(b'"tol_budget":0.5', b'"tol_budget":0.6')
    with pytest.raises(CorruptSegment):
        Node("us", KEYRING, peer=eu).replay(eu)


def test_a_feed_states_the_policy_of_the_log_that_it_is_made_of() -> None:
    """Who follows one tenant's feed comes to the same outcomes."""
    eu = Node("eu", KEYRING)
    taken(eu, ["loose", "promote", "send", "other", "strict", "stage", "send", "ship"])
    us = Node("us", KEYRING, peer=eu)
    judged = partial(examine, KEYRING)
    run(feed("eu", "default"), eu._runtime.perform)
    run(follow("eu", "default", judged), us._runtime.perform)
    assert us.entries.entries == {key: entry for key, entry in eu.entries.entries.items() if key.tenant == "default"}
    assert len(us.entries.entries) == 2


def test_a_new_version_goes_into_the_next_frame() -> None:
    """To ask again changes nothing, and no segment begins."""
    node = Node("eu", KEYRING)
    taken(node, ["loose", "promote"])
    segments = node.disk.names(INBOX)
    taken(node, ["loose", "promote"])
    assert node.disk.names(INBOX) == segments
    assert node.rule(Change(Done.REGISTERED, "ops", signed(version="1.3.0"))).number == 3
