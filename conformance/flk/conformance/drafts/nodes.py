"""Drafts of `node`: short histories of one node (ORD-*, DUP-*, SIGN-*)."""

from collections.abc import Iterator

import msgspec

from flk.conformance.drafts.canonical import OF_REALS
from flk.conformance.drafts.draft import NOW, SECRET, Draft, fields
from flk.conformance.drafts.drawing import DRAWING, VRF, with_proof
from flk.conformance.drafts.mutations import body_of
from flk.conformance.drafts.ruled_nodes import ruled
from flk.conformance.drafts.visits import (
    DRAWING_KEYS,
    JUDGED,
    KEYS,
    NEW,
    OLD,
    OTHER,
    body,
    plain,
    proven,
    signed_body,
    with_sig,
)
from flk.conformance.operations.forms import Keys, LiveKeyForm
from flk.conformance.operations.node import Arrival, NodeInput
from flk.model.policies.document import VrfMode
from flk.model.record.canonical import Profile
from flk.model.record.signing import Algorithm
from flk.spec.constants import CONSTANTS


def node() -> Iterator[Draft]:
    """Outcomes, duplicates, equivocation, refusals and what they leave behind, tenants, rotation, order within a body."""
    yield from _outcomes()
    yield from _repeats()
    yield from _refusals()
    yield from _tenants()
    yield from _time()
    yield from _drawn()
    yield from ruled()


def _outcomes() -> Iterator[Draft]:
    records: dict[str, dict[str, object]] = {
        "accepted": {},
        "regime": {"regime": "mixed"},
        "budget": {"budget": 0.912345679},
        "rejected": {"D_hat": 1.412345679},
        "zero-slope": {"D_hat": 0.0, "N_j": {"2": 5, "4": 5, "8": 5, "16": 5}},
        "minus-zero": {"r": -0.0, "budget": 0.55},
    }
    for slug, changes in records.items():
        yield _history(f"outcome/{slug}", "200 if accepted and not escalated, else 202", ("ORD-7",), body(**changes))


def _repeats() -> Iterator[Draft]:
    first, other = body(), body(r=0.601357911, budget=0.371357911)
    yield _history("repeat/same", "the stored outcome, timestamp included", ("DUP-2",), first, first, first)
    again = body(
        attempt=2,
        sent_at="2026-01-01T00:00:00Z",
        ft={"outbox_seq": 1, "degraded": True, "fallbacks": [], "clock_skew_ms": 5},
    )
    yield _history(
        "repeat/delivered-again", "what delivery changes is no other content", ("DUP-2", "DUP-3"), first, again
    )
    yield _history(
        "repeat/escalated", "an escalated outcome is remembered as well", ("DUP-2",), *[body(regime="mixed")] * 2
    )
    yield _history(
        "equivocation/signed",
        "the first stands, the second is 409 and changes nothing",
        ("DUP-3",),
        first,
        other,
        first,
        other,
        flags=("equivocation",),
    )
    counts = body_of(
        {**msgspec.json.decode(first, type=dict[str, object]), "N_j": {"2": 1, "4": 2, "8": 4, "16": 8}}
    ).decode()
    yield _history(
        "equivocation/counts",
        "counts are not signed, and still are content",
        ("DUP-3",),
        first,
        counts,
        first,
        flags=("equivocation",),
    )
    yield _history(
        "equivocation/counts-first", "whoever comes first", ("DUP-3",), counts, first, flags=("equivocation",)
    )
    yield _history("repeat/two-ids", "another epoch is another id", ("DUP-1",), first, body(epoch=2), first)


def _refusals() -> Iterator[Draft]:
    good, forged = body(), body(b"wrong")
    empty, broken = body_of(plain()).decode(), good.replace('"attempt":1', '"attempt":0')
    wrong_id = good.replace('"epoch":1', '"epoch":2')
    yield _history(
        "refused/forged-then-honest",
        "a refusal leaves nothing behind",
        ("ORD-3", "DUP-5"),
        forged,
        good,
        flags=("forgery",),
    )
    yield _history(
        "refused/forged-under-stored",
        "a forger learns nothing of what is stored",
        ("ORD-3",),
        good,
        forged,
        flags=("forgery",),
    )
    yield _history(
        "refused/unsigned", "an empty signature is a bad one", ("SIGN-6", "ORD-3"), empty, good, flags=("forgery",)
    )
    yield _history("refused/broken-then-honest", "a refusal leaves nothing behind", ("DUP-5",), broken, good)
    yield _history("refused/broken-under-stored", "validity comes before the lookup", ("ORD-1", "ORD-2"), good, broken)
    yield _history("refused/wrong-id", "the id is part of validity", ("ID-1", "ORD-2"), good, wrong_id, good)
    yield _history(
        "order/broken-and-forged",
        "validity comes before the signature",
        ("ORD-1",),
        forged.replace('"attempt":1', '"attempt":0'),
    )
    yield _history("order/not-json", "parsing comes first", ("ORD-1", "REC-1"), good[:-1], "", "null")
    older = signed_body(fields(), SECRET, Profile.SHORTEST)
    yield _history("refused/older-form", "the older form is off by default", ("C14N-6",), older, flags=("shortest",))
    yield _history(
        "accepted/older-form",
        "and on where it is configured",
        ("C14N-6",),
        older,
        good,
        profiles=OF_REALS,
        flags=("shortest",),
    )
    whole = signed_body(plain(), SECRET, Profile.JUDGED)
    altered = whole.replace('"16":40', '"16":41')
    yield _history(
        "judged/altered-copy-first",
        "counts that were changed on the way are refused, and leave nothing behind",
        ("C14N-9", "ORD-3"),
        altered,
        whole,
        altered,
        profiles=(Profile.FIXED, Profile.JUDGED),
        flags=("judged", "forgery"),
    )
    yield _history(
        "judged/same-content",
        "which profile signed it is no part of the content",
        ("C14N-9", "DUP-2"),
        good,
        whole,
        profiles=(Profile.FIXED, Profile.JUDGED),
        flags=("judged",),
    )


def _tenants() -> Iterator[Draft]:
    mine, theirs = body(), body(OTHER, r=0.601357911, budget=0.371357911)
    arrivals = (("default", mine), ("other", theirs), ("default", mine), ("other", theirs))
    yield _visits("tenants/apart", "one id, two tenants, two entries", ("DUP-4",), arrivals)
    yield _visits(
        "tenants/foreign-key",
        "another tenant's key is no key",
        ("SIGN-7",),
        (("other", mine), ("default", mine)),
        ("forgery",),
    )
    yield _visits(
        "tenants/no-key",
        "a tenant without keys has no valid signature",
        ("SIGN-7",),
        (("stranger", mine),),
        ("forgery",),
    )
    yield _visits(
        "tenants/other-case",
        "names that differ in case are two names, and this one has no key",
        ("SIGN-7",),
        (("default", mine), ("Default", mine)),
        ("forgery",),
    )
    for slug, tenant in {
        "empty": "",
        "slash": "a/b",
        "space": "a b",
        "too-long": "t" * 65,
        "non-ascii": "caf\u00e9",
        "newline": "default\n",
    }.items():
        yield _visits(f"tenants/name-{slug}", "a name that cannot be logged", ("ORD-9",), ((tenant, mine),))


def _time() -> Iterator[Draft]:
    keys: Keys = {
        "default": (
            LiveKeyForm(Algorithm.HMAC_SHA256, OLD, 0.0, NOW + 10),
            LiveKeyForm(Algorithm.HMAC_SHA256, NEW, NOW),
        )
    }
    moments = (NOW - 1, NOW, NOW + 9.875, NOW + 10)
    for name, secret in (("old", OLD), ("new", NEW)):
        arrivals = tuple(Arrival(at, "default", body(secret, epoch=number)) for number, at in enumerate(moments))
        question = NodeInput("eu", keys, (Profile.FIXED,), arrivals)
        yield Draft(f"rotation/{name}", "a key counts at the time of logging", question, ("SIGN-4",), ("rotation",))
    stored, again = body(OLD), body(NEW)
    visits = ((NOW, stored), (NOW + 9.875, stored), (NOW + 10, stored), (NOW + 10.125, again), (NOW + 10.25, stored))
    arrivals = tuple(Arrival(at, "default", sent) for at, sent in visits)
    yield Draft(
        "rotation/stored",
        "the signature of a repetition is looked at as that of any other, by the time at which it is logged",
        NodeInput("eu", keys, (Profile.FIXED,), arrivals),
        ("SIGN-4", "ORD-3"),
        ("rotation",),
    )
    clock = tuple(
        Arrival(at, "default", body(epoch=number)) for number, at in enumerate((NOW, NOW, NOW - 60, NOW + 0.125))
    )
    yield Draft(
        "clock/runs-back",
        "timestamps grow although wall time does not",
        NodeInput("eu", KEYS, (Profile.FIXED,), clock),
        ("HLC-1",),
    )
    window = CONSTANTS.dedup.ttl_seconds
    times = tuple(Arrival(NOW + after, "default", stored) for after in (0, 3600, 86400, window / 2, window))
    yield Draft(
        "repeat/within-the-window",
        "an outcome is remembered for the whole window, its end included",
        NodeInput("eu", {"default": (LiveKeyForm(Algorithm.HMAC_SHA256, OLD),)}, (Profile.FIXED,), times),
        ("DUP-7",),
    )
    lead = CONSTANTS.clock.max_lead_seconds
    ats = (NOW, NOW - lead, NOW - lead - 0.125, NOW - 86400, NOW - lead, NOW + 86400, NOW)
    far = tuple(Arrival(at, "default", body(epoch=number)) for number, at in enumerate(ats))
    yield Draft(
        "clock/far-ahead",
        "nothing is logged while the clock is too far ahead of wall time, and again once it is not",
        NodeInput("eu", KEYS, (Profile.FIXED,), far),
        ("HLC-5", "HLC-6"),
    )


def _history(
    slug: str,
    comment: str,
    requirements: tuple[str, ...],
    *bodies: str,
    profiles: tuple[Profile, ...] = (Profile.FIXED,),
    flags: tuple[str, ...] = (),
) -> Draft:
    arrivals = tuple(Arrival(NOW + number, "default", sent) for number, sent in enumerate(bodies))
    return Draft(slug, comment, NodeInput("eu", KEYS, profiles, arrivals), requirements, flags)


def _visits(
    slug: str,
    comment: str,
    requirements: tuple[str, ...],
    visits: tuple[tuple[str, str], ...],
    flags: tuple[str, ...] = (),
) -> Draft:
    arrivals = tuple(Arrival(NOW + number, tenant, sent) for number, (tenant, sent) in enumerate(visits))
    return Draft(slug, comment, NodeInput("eu", KEYS, (Profile.FIXED,), arrivals), requirements, flags)


def _drawn() -> Iterator[Draft]:
    """Records with proofs, where the policy does not look at them, tries them, and asks for them."""
    first, again = proven(), proven(attempt=2, sent_at="2026-01-01T00:00:00Z")
    other, wrong = proven(seed=7), proven(vrf_proof=str(with_proof(plain(epoch=2))["vrf_proof"]))
    without, unsigned = with_sig(plain(), SECRET), with_sig(with_proof(plain(), seed=7), b"wrong")
    for mode in VrfMode:
        comment = f"{mode}: 401 and nothing is remembered, only where proofs are enforced"
        yield _asked(f"drawn/{mode}-wrong-proof", comment, "VRF-2", mode, wrong, first)
        yield _asked(f"drawn/{mode}-another-seed", comment, "VRF-5", mode, other, first)
        yield _asked(f"drawn/{mode}-without-a-proof", comment, "VRF-6", mode, without, first)
    comment = "what delivery changes draws no other seed"
    yield _asked("drawn/delivered-again", comment, "DUP-2", VrfMode.ENFORCED, first, again)
    comment = "seed and proof are part of the content"
    yield _asked("drawn/equivocation", comment, "DUP-9", VrfMode.OFF, first, wrong, first)
    comment = "a signature comes first"
    yield _asked("drawn/forged", comment, "ORD-3", VrfMode.ENFORCED, unsigned, first)
    comment = "a key that draws signs nothing, and one that signs draws nothing"
    yield _asked("drawn/no-key", comment, "VRF-5", VrfMode.ENFORCED, first, keys={})
    ended: Keys = {"default": (LiveKeyForm(Algorithm.ED25519, DRAWING.public, 0.0, NOW + 0.5),)}
    comment = "a key counts while it is live, by the time of the log"
    yield _asked("drawn/ended-key", comment, "VRF-5", VrfMode.ENFORCED, first, proven(epoch=2), keys=ended)


def _asked(slug: str, comment: str, requirement: str, mode: VrfMode, *bodies: str, keys: Keys = DRAWING_KEYS) -> Draft:
    arrivals = tuple(Arrival(NOW + number, "default", each) for number, each in enumerate(bodies))
    question = NodeInput("eu", KEYS, JUDGED, arrivals, keys, mode)
    return Draft(slug, comment, question, (requirement,), ("judged", VRF))
