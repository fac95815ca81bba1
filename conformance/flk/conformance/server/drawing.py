"""Records that prove how their seed was drawn: taken as others are, and asked for where a policy enforces it (VRF-4 to VRF-6)."""

from flk.conformance.drafts.drawing import respelt
from flk.conformance.drafts.mutations import Fields
from flk.conformance.server.check import check
from flk.conformance.server.target import Drawing, NotApplicable, Server, expect_outcome, expect_refusal, pcs
from flk.model.record.canonical import Profile
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.signing import Signer, sign
from flk.spec.constants import CONSTANTS

OWN = VrfPrivateKey(b"conformance kit's own drawing key"[:32])
"""Draws for tenants of which no proof is asked: any server may read its proofs."""


@check("VRF-4", "REC-11", "C14N-9")
def proofs_are_read(server: Server) -> None:
    """A record with a proof is taken, its digest covers seed and proof, and a text that is no proof gets 400; if it takes any."""
    tenant = server.tenants[0]
    record = drawn(server.record(), OWN)
    reply = server.submit(server.signed(record))
    if reply.status == 400 and reply.json().get("requirement") == "REC-3":
        raise NotApplicable("the server takes no records of version 0.2")
    expect_outcome(reply, record)
    for changes in ({"seed": 7}, {"vrf_proof": drawn(server.record(), OWN)["vrf_proof"]}):
        other = server.signed({**record, **changes})
        refused = server.submit(other)
        if refused.status != 409:
            expect_refusal(
                refused, 409, "DUP-3", f"a record of {tenant} under a stored id, with another {next(iter(changes))}"
            )
    for slug, text in respelt(str(record["vrf_proof"])).items():
        whole = drawn(server.record(), OWN)
        broken = {**server.signed(whole), "vrf_proof": text}
        expect_refusal(server.submit(broken), 400, "REC-11", f"a proof that is none: {slug}", field="vrf_proof")
    older = {**server.signed(drawn(server.record(), OWN)), "version": CONSTANTS.record.version}
    expect_refusal(server.submit(older), 400, "REC-3", "a proof in a record of another version", field="vrf_proof")


@check("VRF-2", "VRF-5", "VRF-6", "DUP-5")
def proofs_are_enforced(server: Server) -> None:
    """Where a policy asks for proofs, none, a wrong one and another seed get 401 by what is wrong, and nothing of them is kept."""
    asked = server.drawing
    for requirement, field, changes in (
        ("VRF-6", "vrf_proof", None),
        ("VRF-2", "vrf_proof", {"vrf_proof": drawn(server.record(), asked.key)["vrf_proof"]}),
        ("VRF-2", "vrf_proof", {"vrf_proof": "A" * 107 + "="}),
        ("VRF-5", "seed", {"seed": server.draw(1 << 31)}),
        ("VRF-5", "seed", {"seed": -1}),
    ):
        plain = server.record()
        whole = drawn(plain, asked.key)
        wrong = plain if changes is None else {**whole, **changes}
        reply = server.submit(_signed(wrong, asked.signer), asked.tenant)
        expect_refusal(reply, 401, requirement, f"a record of {asked.tenant} with {changes or 'no proof'}", field=field)
        expect_outcome(server.submit(_signed(whole, asked.signer), asked.tenant), whole)
    _expect_other_keys_refused(server, asked)


def _expect_other_keys_refused(server: Server, asked: Drawing) -> None:
    record = _signed(drawn(server.record(), OWN), asked.signer)
    expect_refusal(server.submit(record, asked.tenant), 401, "VRF-2", "a proof by a key of nobody's", field="vrf_proof")


def drawn(record: Fields, key: VrfPrivateKey) -> Fields:
    """The record with the seed that a key draws for it."""
    draw = key.draw(str(record["merkle_root"]), int(str(record["epoch"])), str(record["shard_id"]))
    made = {"version": CONSTANTS.record.drawn_version, "seed": draw.seed, "vrf_proof": draw.proof}
    return {**record, **made}


def _signed(record: Fields, signer: Signer) -> Fields:
    """Under the profile that covers seed and proof."""
    return {**record, "sig": sign(signer, pcs(record), Profile.JUDGED)}
