"""Policies over HTTP: the reference passes with and without some, and each planted defect is found by the check that is for it."""

import json
from base64 import b64encode
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from tests.support.conformance.memory_server import LIVE, OPERATOR, SIGNERS, TOKENS, Node, serving
from tests.support.impl.operated import operated
from tests.support.model.policies import LOOSE, POLICY_KEYS, PRIVATE, STRICT, WARY

from flk.conformance import check_server
from flk.conformance.reports.report import CaseStatus
from flk.conformance.server import policies
from flk.conformance.server.check import Check
from flk.conformance.server.client import Client
from flk.conformance.server.examine import tried
from flk.conformance.server.reference import Told
from flk.conformance.server.reference_admin import ReferenceAdmin, operating
from flk.conformance.server.target import Operators, Server
from flk.model.log.frames import UNSTATED, Stated
from flk.model.log.hlc import ZERO, Timestamp
from flk.model.policies.reading import read
from flk.model.policies.ruling import NO_RULING, Change, Kind, changed, decoded, encoded
from flk.model.policies.signing import Unsigned, signed_policy
from flk.model.record.signing import HmacKey, Keyring
from flk.spec.verdict import Verdict

CHECKS = (policies.admin_tells_policies, policies.outcomes_are_those_of_the_policy)
NAMES = tuple(check.name for check in CHECKS)


class Ruled(Node):
    """Knows the keys of those who sign policies."""

    accepted: ClassVar[Keyring] = Keyring(LIVE, policy_keys=POLICY_KEYS)  # type: ignore[misc]  # of its class, as there


def told(*changes: Change) -> Stated:
    """What a log states after changes."""
    ruling = NO_RULING
    for change in changes:
        ruling = changed(ruling, change, ZERO)
    return Stated(ZERO, encoded(ruling)) if changes else UNSTATED


REGISTERED = tuple(Change(Kind.REGISTERED, "ops", policy) for policy in (LOOSE, STRICT, WARY))
IN_FORCE = told(*REGISTERED, Change(Kind.PROMOTED, "ops", version=STRICT.version))
STAGED = told(
    *REGISTERED,
    Change(Kind.PROMOTED, "ops", version=LOOSE.version),
    Change(Kind.STAGED, "ops", version=WARY.version, share=5000),
)


def asked(check: Check, node: Node, admin: type[ReferenceAdmin] = ReferenceAdmin) -> tuple[CaseStatus, str]:
    """How a check ends."""
    node.administered = True
    with serving(node) as url, operating(admin(node, OPERATOR)) as address:
        operators = Operators(Client(address, 10), OPERATOR)
        result = tried(check, Server(Client(url, 10), SIGNERS, 5, tokens=TOKENS, operators=operators))
    return result.status, result.detail


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_without_policies_the_default_is_told_and_judges(check: Check) -> None:
    """Each of a tenant's records has the outcome of the specification's own numbers."""
    assert asked(check, Ruled()) == (CaseStatus.PASSED, "")


@pytest.mark.parametrize("stated", [IN_FORCE, STAGED], ids=["in-force", "staged"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_with_policies_they_are_told_and_judge(check: Check, stated: Stated, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kit asks after each check is a record that any of these policies accepts, or is left out here."""
    node = Ruled()
    node.stated = stated
    monkeypatch.setattr(Server, "control", lambda _: None)
    assert asked(check, node) == (CaseStatus.PASSED, "")


@pytest.mark.slow
def test_a_real_node_passes(tmp_path: Path) -> None:
    """Without policies, and once one judges the tenants whose records are sent."""
    with operated(tmp_path) as node:
        keys = {tenant: HmacKey(b"testsecret") for tenant in ("default", "other")}
        conforms = partial(
            check_server, node.server.url, keys, admin=(node.admin_url, node.tokens["operator"]), progress=False
        )
        assert conforms(checks=NAMES).verdict is Verdict.HOLDS
        public = b64encode(PRIVATE.public()).decode()
        file = tmp_path / "keys.toml"
        file.write_text(f'{file.read_text()}\n[[policy_key]]\nid = "ops"\npublic_base64 = "{public}"\n')
        assert node.ask("/admin/reload", method="POST").status == 200
        for change in (
            {"kind": "registered", "policy": msgspec.to_builtins(LOOSE)},
            {"kind": "promoted", "version": "1.1.0"},
        ):
            bearer = {**node.bearer("operator"), "Content-Type": "application/json"}
            assert node.admin.request("POST", "/admin/policies", json.dumps(change).encode(), bearer).status == 200
        report = conforms(checks=NAMES)
        assert [result.detail for result in report.results if result.status is not CaseStatus.PASSED] == []


class KnowsNone(ReferenceAdmin):
    """Has no such path."""

    def method_of(self, path: str) -> str:
        return "" if path == "/admin/policies" else super().method_of(path)


def test_a_server_without_policies_is_asked_nothing_more() -> None:
    """It may know none, which is no mistake."""
    for check in CHECKS:
        assert asked(check, Node(), KnowsNone) == (CaseStatus.DECLINED, "the server knows no policies")


class TellsAnybody(ReferenceAdmin):
    """Policies are no secret."""

    def permits(self, path: str, authorization: str) -> bool:
        return path == "/admin/policies" or super().permits(path, authorization)


class TakesUnsigned(ReferenceAdmin):
    """Who has an operator's token may say what holds."""

    def change(self, body: bytes) -> Change:
        try:
            return super().change(body)
        except Unsigned:
            found = read(json.dumps(json.loads(body)["policy"]).encode()).policy
            return Change(Kind.REGISTERED, "operator", found)


class ReadsLeniently(ReferenceAdmin):
    """Skips what it does not know."""

    def change(self, body: bytes) -> Change:
        asked = json.loads(body)
        asked.get("policy", {}).pop("active", None)
        return super().change(json.dumps(asked).encode())


class RegistersWhatItStages(ReferenceAdmin):
    """Any version will do."""

    def change(self, body: bytes) -> Change:
        change = super().change(body)
        if change.kind is Kind.STAGED:
            policy = signed_policy(msgspec.structs.replace(LOOSE, version=change.version), "ops", PRIVATE)
            self.node.stated = told(Change(Kind.REGISTERED, "operator", policy))
        return change


class LeavesTheDocumentOut(ReferenceAdmin):
    """The version says it all."""

    def told(self, path: str, query: object) -> Told:
        if path != "/admin/policies":
            return super().told(path, {})
        ruling = msgspec.structs.replace(decoded(self.node.stated.text), policies=())
        return Told(200, msgspec.json.encode(ruling))


class ChangesTheDocument(ReferenceAdmin):
    """Fills in what was left out."""

    def told(self, path: str, query: object) -> Told:
        told = super().told(path, {})
        return told._replace(body=told.body.replace(b'"name":"loose"', b'"name":"looser"'))


class JudgesByTheDefault(Ruled):
    """Policies are for people."""

    def stated_at(self, timestamp: Timestamp) -> Stated:
        return UNSTATED


class JudgesAllByTheCandidate(Ruled):
    """What is staged holds."""

    def stated_at(self, timestamp: Timestamp) -> Stated:
        ruling = decoded(super().stated_at(timestamp).text)
        return Stated(ZERO, encoded(msgspec.structs.replace(ruling, share=10_000 if ruling.candidate else 0)))


TELLS, JUDGES = CHECKS
DEFECTS: dict[type[ReferenceAdmin], Check] = {
    TellsAnybody: TELLS,
    TakesUnsigned: TELLS,
    ReadsLeniently: TELLS,
    LeavesTheDocumentOut: TELLS,
    ChangesTheDocument: TELLS,
    RegistersWhatItStages: TELLS,
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_each_defect_of_what_is_told_is_found(defect: type[ReferenceAdmin], monkeypatch: pytest.MonkeyPatch) -> None:
    """By the check that is for it, for a reason it can tell."""
    node = Ruled()
    node.stated = STAGED
    monkeypatch.setattr(Server, "control", lambda _: None)
    status, detail = asked(DEFECTS[defect], node, defect)
    assert (status, bool(detail)) == (CaseStatus.FAILED, True)


@pytest.mark.parametrize("defect", [JudgesByTheDefault, JudgesAllByTheCandidate], ids=lambda defect: defect.__name__)
def test_each_defect_of_judging_is_found(defect: type[Ruled], monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that tells a policy and judges by another."""
    node = defect()
    node.stated = STAGED
    monkeypatch.setattr(Server, "control", lambda _: None)
    assert asked(JUDGES, node)[0] is CaseStatus.FAILED
