"""The order of a node, its answers, and what it does when the store is away."""

import json
from typing import Any

import msgspec
import pytest
from tests.support.model.world import (
    EQUIVOCATING,
    ESCALATED,
    EXAMINE,
    FORGED,
    HONEST,
    KEY,
    MALFORMED,
    OTHER_TENANT,
    STORY,
    World,
    pcs,
    submission,
)

from flk.model.effects import INBOX, Admit, Append, Effect, Store
from flk.model.flow.submission import Submission
from flk.model.log.frames import scan
from flk.model.programs.ingest import ingest
from flk.model.record.canonical import Profile
from flk.model.record.record import Regime, encode
from flk.model.record.signing import sign
from flk.model.runtime import run
from flk.spec.constants import CONSTANTS


def test_a_story_of_eight_submissions_gets_these_answers() -> None:
    """Forged, malformed, honest, escalated, repeated, equivocating, another tenant's, and the honest one after its forgery."""
    world = World("eu")
    answers = [world.ingest("eu", sent) for sent in STORY]
    assert [answer.status for answer in answers] == [401, 400, 200, 202, 200, 409, 200, 200]
    assert answers[4] == answers[2]
    bodies = [json.loads(answer.body) for answer in answers]
    assert (bodies[0]["requirement"], bodies[0]["field"]) == ("SIGN-6", "sig")
    assert (bodies[1]["requirement"], bodies[1]["field"]) == ("REC-1", None)
    assert bodies[5]["requirement"] == "DUP-3"
    assert bodies[5]["digest"] == bodies[2]["digest"]
    assert bodies[3]["reason"] == "budget_deviation"


def test_everything_is_logged_before_it_is_parsed_and_refusals_store_nothing() -> None:
    """A forged and a malformed body are in the log, byte for byte, and nowhere else."""
    world = World("eu")
    for sent in (FORGED, MALFORMED):
        world.ingest("eu", sent)
    disk = world.disks["eu"]
    frames = scan(bytes(disk.segments[disk.names(INBOX)[0]])).frames
    assert [frame.payload for frame in frames] == [FORGED.payload(), MALFORMED.payload()]
    assert not world.entries["eu"].entries


@pytest.mark.parametrize("sent", [HONEST, FORGED, MALFORMED])
def test_the_order_of_effects_is_admit_append_store(sent: Submission) -> None:
    """The store is asked only after the log holds the request, and never for a request that is refused."""
    node, seen = World("eu").nodes["eu"], list[type]()

    def perform(effect: Effect[Any]) -> Any:
        seen.append(type(effect))
        return node.perform(effect)

    stored = run(ingest(sent, "eu", EXAMINE), perform).status == 200
    assert seen == ([Admit, Append, Store] if stored else [Admit, Append])


def test_a_forgery_of_a_stored_record_learns_nothing_of_its_outcome() -> None:
    """Under a stored id, a bad signature is 401 and a malformed body 400: no lookup has happened (ORD-3)."""
    world = World("eu")
    stored = world.ingest("eu", HONEST)
    forged = Submission("default", HONEST.body.replace(b'"sig":"', b'"sig":"AAAA'))
    answer = world.ingest("eu", forged)
    assert answer.status == 401
    assert json.loads(stored.body)["digest"] not in answer.body.decode()
    assert world.ingest("eu", Submission("default", HONEST.body[:-1])).status == 400


@pytest.mark.parametrize(("profile", "answers"), [(Profile.FIXED, [202, 409]), (Profile.JUDGED, [401, 200])])
def test_an_altered_copy_that_comes_first_plants_nothing(profile: Profile, answers: list[int]) -> None:
    """Somebody who saw a record submits it first with another count: profile `fixed9` leaves that open, `judged` does not
    (C14N-9, ORD-3).
    """
    record = pcs()
    signed = msgspec.structs.replace(record, sig=sign(KEY, record, profile))
    altered = msgspec.structs.replace(signed, regime=Regime.MIXED)
    world = World("eu")
    sent = [world.ingest("eu", Submission("default", encode(each))) for each in (altered, signed)]
    assert [response.status for response in sent] == answers


def test_a_body_over_the_limit_is_413_and_not_logged() -> None:
    """The size limit comes before the log (ORD-5); a body of just the limit is logged and then refused as malformed."""
    limit = CONSTANTS.node.max_body_bytes
    world = World("eu")
    assert world.ingest("eu", Submission("default", b" " * (limit + 1))).status == 413
    assert not world.disks["eu"].segments
    assert world.ingest("eu", Submission("default", b" " * limit)).status == 400


def test_a_full_node_answers_429_and_says_when_to_come_back() -> None:
    """Admission is bounded (ORD-6)."""
    world = World("eu")
    world.nodes["eu"].in_flight = CONSTANTS.node.max_in_flight
    answer = world.ingest("eu", HONEST)
    assert (answer.status, answer.retry_after) == (429, CONSTANTS.node.retry_after_seconds)


@pytest.mark.parametrize("tenant", ["", "a|b", "ä", "x" * 65, "a\n", "../x"])
def test_a_tenant_that_cannot_be_logged_is_refused(tenant: str) -> None:
    """The tenant header is checked before the log, which keeps it as text (ORD-9)."""
    answer = World("eu").ingest("eu", Submission(tenant, HONEST.body))
    assert (answer.status, json.loads(answer.body)["requirement"]) == (400, "ORD-9")


def test_an_unknown_tenant_is_unauthenticated() -> None:
    """A tenant without keys can sign nothing."""
    assert World("eu").ingest("eu", Submission("nobody", HONEST.body)).status == 401


def test_tenants_never_share_an_entry() -> None:
    """The same id in another tenant is another key (DUP-4)."""
    world = World("eu")
    world.ingest("eu", HONEST)
    assert world.ingest("eu", OTHER_TENANT).status == 200
    assert len(world.entries["eu"].entries) == 2


def test_while_the_store_is_away_nothing_is_lost_and_nothing_overtakes() -> None:
    """A claim that meets an unavailable store is 503 and stays in the log; until recovery the node admits nothing, so that
    no later write for the same id can come first (ORD-4, DUP-6).
    """
    world = World("eu")
    node = world.nodes["eu"]
    node.store_down = True
    first = world.ingest("eu", HONEST)
    assert (first.status, first.retry_after) == (503, CONSTANTS.node.unavailable_retry_after_seconds)
    node.store_down = False
    assert world.ingest("eu", EQUIVOCATING).status == 503
    assert world.recover("eu").claims == 1
    assert world.ingest("eu", EQUIVOCATING).status == 409
    assert world.ingest("eu", HONEST).status == 200


def test_recovery_while_the_store_is_away_changes_nothing() -> None:
    """Catching up fails as a whole, and the node stays behind."""
    world = World("eu")
    world.nodes["eu"].store_down = True
    world.ingest("eu", ESCALATED)
    with pytest.raises(Exception, match="does not answer"):
        world.recover("eu")
    world.nodes["eu"].store_down = False
    assert world.ingest("eu", submission(pcs(epoch=9))).status == 503
    world.recover("eu")
    assert world.ingest("eu", submission(pcs(epoch=9))).status == 200
