"""An auditor is told by which policy each outcome was judged, and has that policy from the log, too (TLOG-6, POL-8, POL-9)."""

import json
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.audit_log import PREFIX, leaves_in
from tests.support.model.policies import LOOSE, POLICY_KEYS, STRICT
from tests.support.model.transparency import LOG
from tests.support.model.world import KEY, World, pcs, submission

from flk.model.effects import INBOX
from flk.model.log.frames import Stated
from flk.model.log.hlc import Timestamp
from flk.model.policies.document import DEFAULT, policy_digest
from flk.model.policies.ruling import ALL, Change, Conflict, Kind, Ruling, encoded
from flk.model.policies.signing import require_signed
from flk.model.programs.checkpoint import checkpoint
from flk.model.programs.examine import Here, examine
from flk.model.programs.ingest import ingest
from flk.model.programs.integrate import integrate
from flk.model.programs.rule import rule
from flk.model.programs.ship import ship
from flk.model.record.signing import Keyring
from flk.model.transparency.leaves import TOLERANCES, Fact, ruled
from flk.spec.constants import CONSTANTS

RULED = partial(examine, Keyring({"default": [KEY], "other": [KEY]}, policy_keys=POLICY_KEYS))
ASKED = {
    "loose": Change(Kind.REGISTERED, "ops", LOOSE),
    "strict": Change(Kind.REGISTERED, "ops", STRICT),
    "promote": Change(Kind.PROMOTED, "ops", version="1.1.0"),
    "stage": Change(Kind.STAGED, "ops", version="1.2.0", share=ALL // 2),
    "back": Change(Kind.ROLLED_BACK, "ops"),
}
STEPS = st.lists(st.sampled_from([*ASKED, "send", "send", "other", "ship", "rot", "integrate"]), max_size=16)


def ruled_world(steps: list[str]) -> list[dict[str, Any]]:
    """The leaves of a region in which records are sent and policies are changed, as far as they can be; its log rots meanwhile."""
    world = World("eu")
    for number, step in enumerate([*steps, "integrate"]):
        disk = world.disks["eu"]
        match step:
            case "send" | "other":
                sent = submission(pcs(epoch=number, budget=0.6), KEY, "default" if step == "send" else "other")
                world.run("eu", ingest(sent, "eu", Here(RULED, partial(disk.stated_at, INBOX))))
            case "ship":
                world.run("eu", ship())
            case "rot":
                waiting = disk.names(INBOX, world.entries["eu"].marks.get("shipped", ""))
                if waiting:
                    disk.segments[waiting[0]][len(disk.segments[waiting[0]]) // 2] ^= 1
            case "integrate":
                world.run("eu", ship())
                world.run("eu", integrate("eu", RULED))
                world.run("eu", checkpoint("eu", LOG))
            case _:
                with suppress(Conflict):
                    world.run("eu", rule(ASKED[step], POLICY_KEYS))
    objects = world.objects.objects
    return list(map(json.loads, leaves_in(objects))) if f"{PREFIX}checkpoint" in objects else []


@settings(deadline=None)
@given(STEPS)
def test_an_auditor_finds_the_policy_of_each_outcome_among_the_leaves(steps: list[str]) -> None:
    """Without a word of the node: what the log stated last before the outcome's time holds the policy that its leaf names, signed,
    whatever was changed, shipped and salvaged; each statement is told once, and an outcome before the first names none.
    """
    leaves = ruled_world(steps)
    stated = [leaf for leaf in leaves if leaf["kind"] == "policies"]
    assert len({(leaf["log"], leaf["timestamp"]) for leaf in stated}) == len(stated)
    if "rot" not in steps:
        assert sum(leaf["kind"] == "outcome" for leaf in leaves) == sum(step in {"send", "other"} for step in steps)
    for leaf in leaves:
        if leaf["kind"] != "outcome":
            continue
        before = [each for each in stated if each["timestamp"] < leaf["timestamp"]]
        if not before:
            assert leaf["parameters"] == TOLERANCES.digest
            assert "policy" not in leaf
            continue
        last = max(before, key=lambda each: str(each["timestamp"]))
        policy = msgspec.convert(last["content"], Ruling).of(leaf["tenant"])
        assert (leaf["policy"], leaf["parameters"]) == (policy.version, policy_digest(policy))
        if policy != DEFAULT:
            require_signed(policy, POLICY_KEYS)


def test_outcomes_before_under_and_after_a_policy() -> None:
    """A record that only the loose policy accepts, sent before it, under it and after it was taken back."""
    leaves = ruled_world(["send", "loose", "promote", "send", "integrate", "back", "send"])
    found = [
        (leaf["accepted"] and not leaf["escalated"], leaf.get("policy")) for leaf in leaves if leaf["kind"] == "outcome"
    ]
    assert found == [(False, None), (True, "1.1.0"), (False, "1.0.0")]
    stated = [leaf["content"].get("in_force", DEFAULT.version) for leaf in leaves if leaf["kind"] == "policies"]
    assert stated == ["1.0.0", "1.1.0", "1.0.0"]
    assert leaves[-1]["parameters"] == CONSTANTS.policy.default_digest


def test_while_a_policy_is_staged_each_tenant_has_its_own() -> None:
    """Half of the tenants are judged by the candidate, and their outcomes say so."""
    leaves = ruled_world(["strict", "stage", "send", "other"])
    assert {leaf["tenant"]: leaf["policy"] for leaf in leaves if leaf["kind"] == "outcome"} == {
        "default": "1.0.0",
        "other": "1.2.0",
    }


def test_a_statement_that_is_long_is_told_by_its_digest() -> None:
    """A leaf has at most 65,535 bytes; who has the segment can tell whether it is that statement."""
    long = [msgspec.structs.replace(LOOSE, version=f"1.1.{number}", description="x" * 10_000) for number in range(8)]
    short, whole = (
        json.loads(ruled(Stated(Timestamp(7), encoded(Ruling(tuple(some)))), "eu.000001")) for some in (long, long[:1])
    )
    assert short == {"digest": short["digest"], "kind": "policies", "log": "eu.000001", "timestamp": "0000000000000007"}
    assert short.keys() | {"content"} == whole.keys()
    assert short["digest"] == Fact("", json.loads(encoded(Ruling(tuple(long))))).digest
