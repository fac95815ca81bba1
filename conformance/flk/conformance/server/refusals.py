"""What a bad record gets, and that it leaves nothing behind."""

from base64 import b64decode, b64encode
from hashlib import sha256

from flk.conformance.drafts.mutations import Fields, Mutation, body_of, mutations
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed
from flk.conformance.server.target import Server, expect_outcome, expect_refusal, expect_same

FAILURES = 64
"""Bad records of each kind in a row: more than any honest sender has, and little of what HTTP-9 allows a stranger."""
SHOWN = 5
"""Mutations that a reader is told of."""


@check(
    "REC-1",
    "REC-2",
    "REC-3",
    "REC-4",
    "REC-5",
    "REC-6",
    "REC-7",
    "REC-8",
    "REC-9",
    "ID-1",
    "ID-2",
    "ID-3",
    "ID-4",
    "ORD-2",
)
def malformed(server: Server) -> None:
    """Every way to break a rule of the record gets 400 with the requirement and the field."""
    record = server.signed(server.record())
    tried = tuple(mutations())
    wrong = [complaint for mutation in tried if (complaint := _complaint(server, record, mutation))]
    if wrong:
        more = f"; and {len(wrong) - SHOWN} more, which --json lists" if len(wrong) > SHOWN else ""
        raise Failed(f"{len(wrong)} of {len(tried)} mutations: {'; '.join(wrong[:SHOWN])}{more}", wrong)


def _complaint(server: Server, record: Fields, mutation: Mutation) -> str:
    reply = server.submit(mutation.spoil(record))
    try:
        expect_refusal(reply, 400, mutation.requirement, mutation.name, field=mutation.field)
    except Failed as failure:
        return str(failure)
    return ""


@check("ID-1", "ORD-1")
def wrong_id(server: Server) -> None:
    """An id that is not the record's own gets 400, however well it is signed."""
    record = server.record()
    stolen = {**record, "pcs_id": server.record()["pcs_id"]}
    expect_refusal(server.submit(server.signed(stolen)), 400, "ID-1", "another record's id", field="pcs_id")


@check("SIGN-6", "SIGN-1", "ORD-3")
def bad_signature(server: Server) -> None:
    """A signature that is missing, altered, of other bytes, or spelt in another base64 gets 401."""
    record = server.signed(server.record())
    for slug, sig in _bad_signatures(str(record["sig"])).items():
        expect_refusal(server.submit({**record, "sig": sig}), 401, "SIGN-6", slug, field="sig")
    for field, value in {"r": 0.6, "D_hat": 1.1, "coh_star": 0.8, "budget": 0.41}.items():
        tampered = {**record, field: value}
        expect_refusal(server.submit(tampered), 401, "SIGN-6", f"{field} changed after signing", field="sig")


def _bad_signatures(sig: str) -> dict[str, str]:
    raw = b64decode(sig)
    pad = len(sig) - len(sig.rstrip("="))
    last = sig[-pad - 1]
    return {
        "no signature": "",
        "one bit flipped": b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode(),
        "zeros": b64encode(bytes(len(raw))).decode(),
        "truncated": b64encode(raw[:-1]).decode(),
        "extended": b64encode(raw + b"\0").decode(),
        "a digest of the signature": b64encode(sha256(raw).digest()).decode(),
        "unused bits of the base64 set": f"{sig[: -pad - 1]}{chr(ord(last) + 1)}{'=' * pad}",
        "without padding": sig.rstrip("="),
        "with a newline": sig + "\n",
        "with a space": " " + sig,
        "hexadecimal": raw.hex(),
        "no base64": "*" * len(sig),
    }


@check("ORD-1", "ORD-3", "DUP-5")
def forged_then_honest(server: Server) -> None:
    """A forged record leaves nothing: the honest one under the same id is judged as new."""
    record = server.signed(server.record())
    forged = {**record, "r": 0.6, "budget": 0.37}
    expect_refusal(server.submit(forged), 401, "SIGN-6", "a forged record", field="sig")
    expect_outcome(server.submit(record), record)


@check("ORD-1", "ORD-3")
def forged_under_stored_id(server: Server) -> None:
    """A forged record under a stored id gets the 401 that it would get under any other, and learns nothing."""
    record = server.signed(server.record())
    stored = server.submit(record)
    expect_outcome(stored, record)
    for forged in ({**record, "sig": ""}, {**record, "r": 0.6}):
        reply = server.submit(forged)
        expect_refusal(reply, 401, "SIGN-6", "a forged record under a stored id", field="sig")
        if stored.text("digest").encode() in reply.body:
            raise Failed(f"the 401 states the stored digest: {reply}")
    fresh = server.submit({**server.signed(server.record()), "sig": ""})
    expect_same(fresh, server.submit({**record, "sig": ""}), "a 401 under a fresh id and under a stored one")


@check("ORD-1", "ORD-2")
def malformed_under_stored_id(server: Server) -> None:
    """A malformed record under a stored id gets 400, not the stored outcome."""
    record = server.signed(server.record())
    stored = server.submit(record)
    expect_outcome(stored, record)
    broken = {**record, "attempt": 0}
    expect_refusal(server.submit(broken), 400, "REC-8", "a malformed record under a stored id", field="attempt")
    expect_same(stored, server.submit(record), "the stored record after a malformed one")


@check("DUP-5", "ORD-2")
def malformed_then_honest(server: Server) -> None:
    """A malformed record leaves nothing: the honest one under the same id is judged as new."""
    record = server.signed(server.record())
    expect_refusal(server.submit({**record, "regime": "banana"}), 400, "REC-6", "a malformed record", field="regime")
    expect_outcome(server.submit(record), record)


@check("DUP-5", "ID-1")
def wrong_id_then_victim(server: Server) -> None:
    """Whoever sends a record under another's id, well signed, gets 400, and the owner of the id is judged as new."""
    victim = server.signed(server.record())
    stolen = server.signed({**server.record(), "pcs_id": victim["pcs_id"]})
    expect_refusal(server.submit(stolen), 400, "ID-1", "another record's id", field="pcs_id")
    expect_outcome(server.submit(victim), victim)


@check("ORD-3", "DUP-5")
def bad_signature_on_duplicate(server: Server) -> None:
    """The very content that is stored gets 401 if its signature is bad, in whatever way, and the right one its outcome again."""
    record = server.signed(server.record())
    stored = server.submit(record)
    expect_outcome(stored, record)
    foreign = str(server.signed(server.record())["sig"])
    for slug, sig in {**_bad_signatures(str(record["sig"])), "another record's": foreign}.items():
        reply = server.submit({**record, "sig": sig})
        expect_refusal(reply, 401, "SIGN-6", f"a stored content with a bad signature ({slug})", field="sig")
    expect_same(stored, server.submit(record), "the stored record after bad signatures")


@check("DUP-5", "ORD-3", "ORD-2")
def nobody_is_locked_out(server: Server) -> None:
    """However many bad records came in a row, under one id or many, an honest one is judged as any other."""
    record = server.signed(server.record())
    for _ in range(FAILURES):
        forged = {**server.record(), "sig": str(record["sig"])}
        expect_refusal(server.submit(forged), 401, "SIGN-6", "a forged record", field="sig")
        expect_refusal(server.submit({**record, "r": 0.6}), 401, "SIGN-6", "a forged record under one id", field="sig")
        broken = {**server.signed(server.record()), "attempt": 0}
        expect_refusal(server.submit(broken), 400, "REC-8", "a malformed record", field="attempt")
    expect_outcome(server.submit(record), record)


@check("ORD-1", "ORD-2")
def validity_before_signature(server: Server) -> None:
    """A record that is both malformed and unsigned gets 400."""
    record = {**server.record(), "attempt": 0}
    expect_refusal(server.submit(record), 400, "REC-8", "malformed and unsigned", field="attempt")


@check("OBS-2")
def refusals_keep_secrets(server: Server) -> None:
    """The body of a refusal repeats neither the signature nor the body that was sent."""
    record = server.signed(server.record(version="do-not-repeat-me"))
    for body, status, requirement, field in (
        (body_of({**record, "r": 0.6}), 401, "SIGN-6", "sig"),
        (body_of({**record, "attempt": 0}), 400, "REC-8", "attempt"),
        (body_of(record)[:-1], 400, "REC-1", None),
    ):
        reply = server.submit(body)
        expect_refusal(reply, status, requirement, "a refusal that could repeat what was sent", field=field)
        for secret in (str(record["sig"]), "do-not-repeat-me"):
            if secret.encode() in reply.body:
                raise Failed(f"a refusal repeats what was sent: {reply}")
