"""Known wrong forms of those who read policies and judge by them."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
from msgspec import UNSET

from flk.conformance.diagnosis.form import WrongForm, honest
from flk.conformance.operations import records
from flk.conformance.operations.forms import Form
from flk.conformance.operations.policies import Document, SignedPolicy, StagedFor
from flk.model.entries.scrutiny import OFF
from flk.model.policies.document import DEFAULT, Policy
from flk.model.policies.ruling import part_of
from flk.model.record.canonical import NANO

replace = msgspec.structs.replace
Fields = dict[str, Any]


def forms() -> Iterator[WrongForm]:
    """All of them."""
    yield from _judgements()
    yield from _scrutinies()
    yield from _documents()
    yield from _signatures()


def _judgements() -> Iterator[WrongForm]:
    """Whoever takes some numbers from elsewhere."""
    kept: tuple[tuple[str, str, Callable[[Policy], Policy | None]], ...] = (
        ("default-policy", "the default, whatever the policy says", lambda _: None),
        ("default-numbers", "the default's numbers", lambda policy: replace(DEFAULT, scrutiny=policy.scrutiny)),
        ("default-tolerances", "the default's tolerances", _with_default("tol_D", "tol_budget")),
        ("default-weights", "the default's weights", _with_default("base", "alpha", "beta", "gamma", "D0")),
        (
            "default-bounds",
            "the default's bounds of regimes",
            _with_default("sticky_D_hat_max", "sticky_coherence_min", "non_sticky_D_hat_min"),
        ),
    )
    rule = "the policy has the numbers"
    for name, says, read in kept:
        yield WrongForm(name, says, "POL-8", rule, {"judge": _judged(read)})
    says, rule = "nothing being asked besides", "what a policy asks besides is asked"
    yield WrongForm("no-scrutiny", says, "POL-12", rule, {"judge": _judged(lambda one: replace(one, scrutiny=UNSET))})


def _with_default(*names: str) -> Callable[[Policy], Policy]:
    return lambda policy: replace(policy, **{name: getattr(DEFAULT, name) for name in names})


def _judged(read: Callable[[Policy], Policy | None]) -> Callable[[Form], object]:
    def answer(given: Form) -> object:
        assert isinstance(given, records.JudgedRecord)
        return None if given.policy is None else honest("judge", replace(given, policy=read(given.policy)))

    return answer


def _scrutinies() -> Iterator[WrongForm]:
    """Whoever draws a line of scrutiny elsewhere."""

    def neighbours(given: Form) -> object:
        assert isinstance(given, records.JudgedRecord)
        counts = [given.record.N_j[str(scale)] for scale in given.record.scales]
        falls = any(second < first for first, second in pairwise(counts))
        return _with_counts(given, falls=falls)

    def sorted_neighbours(given: Form) -> object:
        assert isinstance(given, records.JudgedRecord)
        counts = [given.record.N_j[str(scale)] for scale in sorted(given.record.scales)]
        return _with_counts(given, falls=any(second < first for first, second in pairwise(counts)))

    nest = "grids that do not nest are not compared"
    for name, says, answer in (
        ("listed-neighbours", "comparing the counts of neighbours as they are listed", neighbours),
        ("sorted-neighbours", "comparing the counts of neighbouring scales", sorted_neighbours),
    ):
        yield WrongForm(name, says, "SAN-2", nest, {"judge": answer})

    def open_bounds(given: Form) -> object:
        policy = _policy(given)
        low, high = (policy.scrutiny or OFF).slope or (0.0, 9.0)
        inside = (round((low * NANO) + 1) / NANO, round((high * NANO) - 1) / NANO)
        return _asking(given, slope=inside if inside[0] <= inside[1] else None)

    yield WrongForm("open-slopes", "bounds that are outside", "SAN-3", "a bound is within", {"judge": open_bounds})

    def above(given: Form) -> object:
        asked = _policy(given).scrutiny or OFF
        scores = {name: getattr(asked, name) for name in ("escalate_from", "reject_from")}
        raised = {name: round(score * NANO + 1) / NANO for name, score in scores.items() if score}
        return _asking(given, **{name: score if score <= 1 else None for name, score in raised.items()})

    yield WrongForm("score-above", "a score that is reached and lets pass", "SAN-4", "who reaches it", {"judge": above})


def _policy(given: Form) -> Policy:
    assert isinstance(given, records.JudgedRecord)
    return given.policy or DEFAULT


def _asking(given: Form, **changes: object) -> object:
    assert isinstance(given, records.JudgedRecord)
    policy = _policy(given)
    if not policy.scrutiny:
        return None
    return honest("judge", replace(given, policy=replace(policy, scrutiny=replace(policy.scrutiny, **changes))))


def _with_counts(given: Form, *, falls: bool) -> object:
    """The outcome of whoever finds that counts fall, or that they do not."""
    policy = _policy(given)
    if not policy.scrutiny or not policy.scrutiny.counts:
        return None
    told = _asking(given, counts=False)
    assert isinstance(told, dict)
    rejected = {"accepted": False, "escalated": True, "reason": "counts_fall"}
    return {**told, **rejected} if falls and told["reason"] != "D_hat_out_of_tolerance" else told


def _documents() -> Iterator[WrongForm]:
    """Whoever reads more than there is, or states it in other bytes."""
    known = set(Policy.__struct_fields__)
    readers: tuple[tuple[str, str, str, str, Callable[[Fields], Fields]], ...] = (
        ("last-value", "the last of repeated keys", "POL-1", "no key occurs twice", dict),
        (
            "unknown-skipped",
            "skipping fields that are unknown",
            "POL-1",
            "there are no others",
            lambda fields: {name: value for name, value in fields.items() if name in known},
        ),
        (
            "empty-is-absent",
            "an object without checks that turns nothing on",
            "POL-12",
            "what is off is left out",
            lambda fields: {name: value for name, value in fields.items() if value or name != "scrutiny"},
        ),
    )
    for name, says, requirement, rule, read in readers:
        yield WrongForm(name, says, requirement, rule, {"policy": _reread(read)})


def _reread(read: Callable[[Fields], Fields]) -> Callable[[Form], object]:
    """The answer to a document that was read so, and written again."""

    def answer(given: Form) -> object:
        assert isinstance(given, Document)
        return honest("policy", Document(json.dumps(read(json.loads(given.content())))))

    return answer


def _signatures() -> Iterator[WrongForm]:
    """Whoever looks at the wrong key, or draws a share's line elsewhere."""

    def any_key(given: Form) -> object:
        assert isinstance(given, SignedPolicy)
        signer = json.loads(given.content()).get("signed_by", "")
        as_named = (replace(given, keys={signer: key}) for key in given.keys.values())
        told = [honest("authenticate_policy", each) for each in as_named]
        return True if True in told else honest("authenticate_policy", given)

    named = "the key that the policy names"
    yield WrongForm("any-policy-key", "any key that is known", "POL-5", named, {"authenticate_policy": any_key})

    def up_to(given: Form) -> object:
        assert isinstance(given, StagedFor)
        return part_of(given.version, given.tenant) <= given.share

    def without_version(given: Form) -> object:
        assert isinstance(given, StagedFor)
        return part_of("", given.tenant) < given.share

    for name, says, rule, answer in (
        ("closed-share", "a share with the part after it", "remainders below the share", up_to),
        ("share-of-tenants", "a share of the tenants that no version moves", "of version and tenant", without_version),
    ):
        yield WrongForm(name, says, "POL-7", rule, {"policy_share": answer})
