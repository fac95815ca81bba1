"""The audit log of a server: the reference and a real node pass, and each planted defect is found by the check that is for it."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.support.conformance.asking_server import LOG, LOG_SIGNER
from tests.support.conformance.memory_server import OPERATOR, SIGNERS, TOKENS, Node, serving
from tests.support.impl.operated import operated

from flk.conformance import check_server
from flk.conformance.reports.report import CaseStatus
from flk.conformance.server import audit
from flk.conformance.server.check import Check
from flk.conformance.server.client import Client
from flk.conformance.server.examine import server_checks, tried
from flk.conformance.server.reference import ReferenceNode, Told
from flk.conformance.server.reference_audit import EARLIER, ReferenceAudit
from flk.conformance.server.target import Server
from flk.model.entries.entry import Key
from flk.model.flow.submission import Submission
from flk.model.programs.show import Shown
from flk.model.record.merkle import inclusion_proof, merkle_root
from flk.model.record.signing import HmacKey
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import Signer, private_text, signed
from flk.model.transparency.tiles import WIDTH, Tile
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

CHECKS = (
    audit.audit_checkpoint_is_signed,
    audit.audit_tiles_are_what_was_signed,
    audit.audit_outcomes_become_leaves,
    audit.audit_log_only_grows,
    audit.audit_tiles_do_not_change,
    audit.audit_refuses_what_is_no_tile,
    audit.audit_leaves_are_for_who_may_read_them,
)
NAMES = tuple(check.name for check in CHECKS)
OTHER = Signer.parse(private_text("example.com/audit", b"another " * 4))


def asked(check: Check, make: Callable[[Node, Signer, str], ReferenceAudit]) -> tuple[CaseStatus, str]:
    """How a check of a node with this log ends."""
    node = Node()
    node.audit = make(node, LOG_SIGNER, OPERATOR)
    with serving(node) as url:
        result = tried(check, Server(Client(url, 10), SIGNERS, 5, tokens=TOKENS, audit=LOG))
    return result.status, result.detail


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_reference_passes(check: Check) -> None:
    """So that what is found in the others is what was planted."""
    assert asked(check, ReferenceAudit) == (CaseStatus.PASSED, "")


class SignsWithAnotherKey(ReferenceAudit):
    """Under the same name."""

    def __init__(self, node: ReferenceNode, _: Signer, operator: str) -> None:
        super().__init__(node, OTHER, operator)


class SignsForAnotherLog(ReferenceAudit):
    """The key is that of the log, and the name is another's."""

    def checkpoint(self) -> bytes:
        text = Checkpoint("example.com/other", len(self.leaves), merkle_root(self.leaves)).text
        return signed(text, [self.signer.sign(text)])


class LetsCachesKeepCheckpoints(ReferenceAudit):
    """As if it were a tile."""

    def answer(self, name: str, authorization: str) -> Told:
        told = super().answer(name, authorization)
        return told._replace(headers={"Cache-Control": "public, max-age=600"}) if name == "checkpoint" else told


class HashesWithoutPrefix(ReferenceAudit):
    """The root is that of another tree than the tiles have."""

    def checkpoint(self) -> bytes:
        text = Checkpoint(self.signer.verifier.name, len(self.leaves), merkle_root(self.leaves[::-1])).text
        return signed(text, [self.signer.sign(text)])


class FlipsABitBelow(ReferenceAudit):
    """In a full tile of the lowest level, which no root is computed of while the one above is right."""

    def content(self, tile: Tile) -> bytes | None:
        content = super().content(tile)
        return content and (bytes([content[0] ^ 1]) + content[1:] if tile == Tile(0, 0) else content)


class ForgetsTheLevelAbove(ReferenceAudit):
    """Only leaves have hashes."""

    def content(self, tile: Tile) -> bytes | None:
        return None if tile.level > 0 else super().content(tile)


class PadsTiles(ReferenceAudit):
    """All tiles have 256 hashes, of nothing if there is none."""

    def content(self, tile: Tile) -> bytes | None:
        content = super().content(tile)
        return content and content.ljust(WIDTH * 32, b"\0")


class LetsNobodyCacheTiles(ReferenceAudit):
    """They are computed at each question."""

    def tile(self, name: str, authorization: str) -> Told:
        return super().tile(name, authorization)._replace(headers={"Cache-Control": "no-store"})


class IntegratesNothing(ReferenceAudit):
    """What is stored stays out of the log; it grows all the same."""

    def leaf(self, content: bytes) -> bytes:
        return b'{"kind":"noise"}'


class AcknowledgesAndForgets(ReferenceAudit):
    """One tenant's records are no leaves."""

    def stored(self, submission: Submission) -> None:
        if submission.tenant == "default":
            super().stored(submission)


class LeavesSayAnotherDigest(ReferenceAudit):
    """That of something else."""

    def leaf(self, content: bytes) -> bytes:
        told = msgspec.json.decode(content, type=dict[str, object])
        return msgspec.json.encode(told | {"digest": "0" * 64})


class ProvesAnotherPlace(ReferenceAudit):
    """By one."""

    def proven(self, place: int) -> Shown:
        return msgspec.structs.replace(super().proven(place), index=place - 1)


class ProvesAnotherLeaf(ReferenceAudit):
    """The proof is right, and the leaf that is shown is not the one it is of."""

    def proven(self, place: int) -> Shown:
        return Shown(
            place, self.leaves[place].decode(), [each.hex() for each in inclusion_proof(self.leaves, place - 1)]
        )


class ShowsAnUnsignedCheckpoint(ReferenceAudit):
    """With its proofs, since who asks has seen the signed one."""

    def shown(self, pcs_id: str, tenant: str | None) -> Told:
        told = super().shown(pcs_id, tenant)
        return told._replace(body=told.body.replace("— example.com/audit ".encode(), "— example.com/audix ".encode()))


class RewritesHistory(ReferenceAudit):
    """A leaf of before is another with each record."""

    def stored(self, submission: Submission) -> None:
        super().stored(submission)
        self.leaves[0] = b'{"kind":"keys","number":%d}' % (10_000 + len(self.leaves))


class LosesItsTail(ReferenceAudit):
    """After each record it is shorter."""

    def stored(self, submission: Submission) -> None:
        super().stored(submission)
        del self.leaves[-3:]


class NeverGrows(ReferenceAudit):
    """The log is signed once."""

    def checkpoint(self) -> bytes:
        leaves = self.leaves[:EARLIER]
        text = Checkpoint(self.signer.verifier.name, len(leaves), merkle_root(leaves)).text
        return signed(text, [self.signer.sign(text)])


class ServesTheLatestUnderEachName(ReferenceAudit):
    """A tile at the edge is whatever it is by now, under the names that it had, too."""

    def content(self, tile: Tile) -> bytes | None:
        if tile.level or tile.width == WIDTH or super().content(tile) is None:
            return super().content(tile)
        return super().content(tile._replace(width=min(WIDTH, len(self.leaves) - tile.number * WIDTH)))


class AnswersAnything(ReferenceAudit):
    """What is no tile is an empty one."""

    def tile(self, name: str, authorization: str) -> Told:
        told = super().tile(name, authorization)
        return Told(200) if told.status == 404 else told


class ReadsPathsLoosely(ReferenceAudit):
    """A number is a number, however it is written."""

    def tile(self, name: str, authorization: str) -> Told:
        return super().tile("0/000" if name in {"0/0000", "0/000/"} else name, authorization)


class TellsLeavesToAll(ReferenceAudit):
    """Whoever asks for a bundle gets it."""

    def may_read(self, authorization: str) -> bool:
        return True


class TellsLeavesToTenants(ReferenceAudit):
    """Any token will do."""

    def may_read(self, authorization: str) -> bool:
        return super().may_read(authorization) or self.node.reader(authorization) is not None


class ProvesToAll(ReferenceAudit):
    """Without a token, a record is the usual tenant's."""

    def shown(self, pcs_id: str, tenant: str | None) -> Told:
        return super().shown(pcs_id, tenant or "default")


class ProvesToOtherTenants(ReferenceAudit):
    """An id is an id."""

    def about(self, key: Key) -> list[int]:
        return [
            place for tenant in SIGNERS for place in super(ProvesToOtherTenants, self).about(Key(tenant, key.pcs_id))
        ]


DEFECTS: dict[type[ReferenceAudit], Check] = {
    SignsWithAnotherKey: audit.audit_checkpoint_is_signed,
    SignsForAnotherLog: audit.audit_checkpoint_is_signed,
    LetsCachesKeepCheckpoints: audit.audit_checkpoint_is_signed,
    HashesWithoutPrefix: audit.audit_tiles_are_what_was_signed,
    FlipsABitBelow: audit.audit_tiles_are_what_was_signed,
    ForgetsTheLevelAbove: audit.audit_tiles_are_what_was_signed,
    PadsTiles: audit.audit_tiles_are_what_was_signed,
    LetsNobodyCacheTiles: audit.audit_tiles_are_what_was_signed,
    IntegratesNothing: audit.audit_outcomes_become_leaves,
    AcknowledgesAndForgets: audit.audit_outcomes_become_leaves,
    LeavesSayAnotherDigest: audit.audit_outcomes_become_leaves,
    ProvesAnotherPlace: audit.audit_outcomes_become_leaves,
    ProvesAnotherLeaf: audit.audit_outcomes_become_leaves,
    ShowsAnUnsignedCheckpoint: audit.audit_outcomes_become_leaves,
    RewritesHistory: audit.audit_log_only_grows,
    LosesItsTail: audit.audit_log_only_grows,
    NeverGrows: audit.audit_log_only_grows,
    ServesTheLatestUnderEachName: audit.audit_tiles_do_not_change,
    AnswersAnything: audit.audit_refuses_what_is_no_tile,
    ReadsPathsLoosely: audit.audit_refuses_what_is_no_tile,
    TellsLeavesToAll: audit.audit_leaves_are_for_who_may_read_them,
    TellsLeavesToTenants: audit.audit_leaves_are_for_who_may_read_them,
    ProvesToAll: audit.audit_leaves_are_for_who_may_read_them,
    ProvesToOtherTenants: audit.audit_leaves_are_for_who_may_read_them,
}


@pytest.mark.parametrize(("defect", "check"), DEFECTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_each_defect_is_found(defect: type[ReferenceAudit], check: Check) -> None:
    """By the check that is for it, for a reason it can tell."""
    status, detail = asked(check, defect)
    assert (status, bool(detail)) == (CaseStatus.FAILED, True), detail


def test_every_check_of_audit_logs_catches_a_defect() -> None:
    """No check goes untried."""
    assert set(DEFECTS.values()) == set(CHECKS)


def test_without_the_key_of_a_log_nothing_is_asked() -> None:
    """It is declined with what it needs; and what is no key is no input."""
    with serving(Node()) as url:
        server = Server(Client(url, 10), SIGNERS, 1)
        for check in server_checks(*NAMES):
            result = tried(check, server)
            assert result.status is CaseStatus.DECLINED
            assert "--audit-key" in result.detail
        with pytest.raises(UnusableInput, match="--audit-key"):
            check_server(url, SIGNERS, audit=("none", 1.0), progress=False)


@pytest.mark.slow
def test_a_real_node_passes(tmp_path: Path) -> None:
    """One that ships to an object store, and whose log a step follows each record in."""
    (tmp_path / "objects").mkdir()
    key = tmp_path / "audit.key"
    key.write_text(private_text("example.com/eu", bytes(range(32))))
    verifier = str(Signer.parse(key.read_text()).verifier)
    shipping = ["--objects", (tmp_path / "objects").as_uri(), "--ship-every", "0.2"]
    with operated(tmp_path, [*shipping, "--audit", str(key), "--audit-every", "0.2"]) as node:
        report = check_server(
            node.server.url,
            {tenant: HmacKey(b"testsecret") for tenant in ("default", "other")},
            tokens={tenant: node.tokens[tenant] for tenant in ("default", "other")},
            audit=(verifier, 60.0),
            checks=NAMES,
            seed=3,
            progress=False,
        )
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []
    assert report.verdict is Verdict.HOLDS
    assert f"--audit-key={verifier}" in report.again
