"""Policies over HTTP: what a node says of them, that only who may changes them, and that it judges by them (POL-5 to POL-12)."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, NotExercised, Reply
from flk.conformance.server.target import (
    NotApplicable,
    Server,
    expect_outcome,
    expect_status,
    pcs,
    strangers,
)
from flk.model.policies.document import DEFAULT, Policy, VrfMode, policy_digest
from flk.model.policies.ruling import ALL, Ruling
from flk.model.record.canonical import round9
from flk.model.record.signals import budget, regime

PATH = "/admin/policies"
NO_POLICIES: tuple[dict[str, Any], ...] = ({"tol_D": 1.000000001}, {"scrutiny": {}}, {"gamma": 1.0}, {"active": True})
NO_CHANGES: tuple[dict[str, Any], ...] = ({}, {"kind": "forced"}, {"kind": "registered"})


@check("POL-3", "POL-6", "POL-9", "POL-10", "API-6")
def admin_tells_policies(server: Server) -> None:
    """What the log states of policies holds together, is told to operators alone, and nothing that is refused changes it."""
    before = _asked(server)
    ruling = _ruling(before)
    for method in ("GET", "POST"):
        for shown in strangers(server):
            reply = server.admin.request(method, PATH, b"{}" if method == "POST" else b"", shown)
            expect_status(reply, (401, 403), f"{method} {PATH} without a token that counts")
    following = _following(ruling)
    unsigned = {"kind": "registered", "policy": _document(following)}
    _expect_refused(_post(server, unsigned), 400, "POL-5", "a policy that nobody signed")
    forged = msgspec.structs.replace(following, signed_by="nobody", signature="A" * 86 + "==")
    reply = _post(server, {"kind": "registered", "policy": _document(forged)})
    _expect_refused(reply, 400, "POL-5", "a policy that a key of nobody's signed")
    for changes in NO_POLICIES:
        wrong = {"kind": "registered", "policy": {**_document(forged), **changes}}
        reply = _post(server, wrong)
        expect_status(reply, 400, f"what is no policy: {changes}")
        if reply.json().get("requirement") == "POL-5":
            raise Failed(f"what is no policy is refused for its signature alone: {changes}: {reply}")
    for asked in NO_CHANGES:
        expect_status(_post(server, asked), (400, 409), f"what is no change of policies: {asked}")
    for kind in ("staged", "promoted", "rolled_back"):
        reply = _post(server, {"kind": kind, "version": following.version})
        _expect_refused(reply, 409, "POL-6", f"{kind}: a policy that is not known")
    after = _asked(server)
    if after.json() != before.json():
        raise Failed(f"what was refused changed what holds: first {before}, then {after}")


@check("JDG-5", "POL-7", "POL-8", "POL-12")
def outcomes_are_those_of_the_policy(server: Server) -> None:
    """A tenant's records are judged by the policy that the log states for it: at each edge of its tolerances and regimes."""
    before = _ruling(_asked(server))
    judging = {tenant: before.of(tenant) for tenant in server.tenants}
    judging = {tenant: policy for tenant, policy in judging.items() if policy.vrf is not VrfMode.ENFORCED}
    if not judging:
        raise NotApplicable("needs a tenant of whom no proofs of seeds are asked")
    found = [
        (server.submit(record, tenant), record, policy)
        for tenant, policy in judging.items()
        for record in (server.signed(each, tenant) for each in _at_edges(server, policy))
    ]
    if _ruling(_asked(server)) != before:
        raise NotExercised("the policies changed while they were asked about")
    for reply, record, policy in found:
        expect_outcome(reply, record, policy.judge(pcs(record)))


def _asked(server: Server) -> Reply:
    reply = server.ask(PATH)
    if reply.status == 404:
        raise NotApplicable("the server knows no policies")
    expect_status(reply, 200, f"GET {PATH}")
    return reply


def _ruling(reply: Reply) -> Ruling:
    """What is told. Raises Failed if it is no ruling or does not hold together."""
    try:
        ruling = msgspec.json.decode(reply.body, type=Ruling)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise Failed(f"this does not tell what a log states of policies: {error}: {reply}") from None
    used = {ruling.in_force, ruling.candidate or ruling.in_force, *ruling.before}
    unknown = sorted(version for version in used if ruling.known(version) is None)
    if unknown:
        raise Failed(f"policies are used that are not told: {', '.join(unknown)}")
    numbers = [policy.number for policy in ruling.policies]
    if any(second <= first for first, second in zip([DEFAULT.number, *numbers], numbers, strict=False)):
        raise Failed(f"versions do not rise: {', '.join(policy.version for policy in ruling.policies)}")
    if not 0 <= ruling.share <= ALL or (ruling.share and not ruling.candidate):
        raise Failed(f"a share of {ruling.share} of {ALL}, candidate {ruling.candidate!r}")
    for event in ruling.history:
        policy = ruling.known(event.version)
        if policy is not None and policy_digest(policy) != event.digest:
            raise Failed(f"{event.version} was {event.kind} as {event.digest}, and is {policy_digest(policy)}")
    return ruling


def _following(ruling: Ruling) -> Policy:
    """A policy of a version that could come next, which nobody signed."""
    major, minor, patch = ruling.greatest
    return msgspec.structs.replace(DEFAULT, version=f"{major}.{minor}.{patch + 1}")


def _document(policy: Policy) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(policy)
    return document


def _post(server: Server, change: dict[str, Any]) -> Reply:
    headers = [("Content-Type", "application/json"), *server.shown()]
    return server.admin.request("POST", PATH, json.dumps(change).encode(), headers)


def _expect_refused(reply: Reply, status: int, requirement: str, why: str) -> None:
    expect_status(reply, status, why)
    if reply.json().get("requirement") != requirement:
        raise Failed(f"{why}: expected requirement {requirement}, got {reply}")


def _at_edges(server: Server, policy: Policy) -> Iterator[Fields]:
    """Records at the edges of a policy: their slope is 1."""
    slopes = {1.0, *_beside(1 - policy.tol_D), *_beside(1 + policy.tol_D)}
    bounds = {*_beside(policy.sticky_D_hat_max), *_beside(policy.non_sticky_D_hat_min)}
    for slope in sorted(slopes | {bound for bound in bounds if abs(bound - 1) <= policy.tol_D}):
        yield _claiming(server, policy, D_hat=slope)
    for coherence in _beside(policy.sticky_coherence_min):
        yield _claiming(server, policy, coh_star=min(coherence, 1.05))
    usual = float(str(_claiming(server, policy)["budget"]))
    for claimed in sorted({0.0, 1.0, *_beside(usual - policy.tol_budget), *_beside(usual + policy.tol_budget)}):
        yield _claiming(server, policy, budget=min(claimed, 1.0))
    yield _claiming(server, policy, regime="non_sticky")
    yield _claiming(server, policy, r=0.0)


def _beside(x: float) -> list[float]:
    return [max(0.0, round9(x + off)) for off in (-1e-9, 0.0, 1e-9)]


def _claiming(server: Server, policy: Policy, **changes: object) -> Fields:
    """A fresh record with the regime and the budget that the policy finds, but for what is claimed otherwise."""
    record = pcs(server.record(**changes))
    found = {
        "regime": regime(record.D_hat, record.coh_star, policy.rules).value,
        "budget": round9(budget(record.D_hat, record.coh_star, record.r, policy.rules)),
    }
    return {**msgspec.to_builtins(record), **{name: value for name, value in found.items() if name not in changes}}
