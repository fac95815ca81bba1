"""What nodes of drafts are sent: bodies with their signatures, and the keys that check them."""

import msgspec

from flk.conformance.drafts.draft import SECRET, fields
from flk.conformance.drafts.drawing import DRAWING, with_proof
from flk.conformance.drafts.mutations import Fields, body_of
from flk.conformance.operations.forms import Keys, LiveKeyForm
from flk.model.record.canonical import Profile
from flk.model.record.record import DrawnPcs, Pcs
from flk.model.record.signing import Algorithm, HmacKey, sign

OLD, NEW, OTHER = b"old", b"new", b"other"
KEYS: Keys = {
    "default": (LiveKeyForm(Algorithm.HMAC_SHA256, SECRET),),
    "other": (LiveKeyForm(Algorithm.HMAC_SHA256, OTHER),),
}
DRAWING_KEYS: Keys = {"default": (LiveKeyForm(Algorithm.ED25519, DRAWING.public),)}
JUDGED = (Profile.JUDGED, Profile.FIXED)


def body(secret: bytes = SECRET, /, **changes: object) -> str:
    """A signed record."""
    return signed_body(plain(**changes), secret, Profile.FIXED)


def plain(**changes: object) -> Fields:
    """A valid record whose reals every way to write nine decimals writes alike, so that a case fails for its own reason only."""
    reals = {"D_hat": 1.012345679, "coh_star": 0.751357913, "r": 0.501357917, "budget": 0.401357913}
    return fields(**{**reals, **changes})


def signed_body(record: Fields, secret: bytes, profile: Profile) -> str:
    """The record, signed under a profile."""
    sig = sign(HmacKey(secret), msgspec.convert(record, Pcs), profile)
    return body_of({**record, "sig": sig}).decode()


def proven(**changes: object) -> str:
    """A signed record with its proof, or with other values where wanted."""
    of_record = {name: value for name, value in changes.items() if name not in {"seed", "vrf_proof"}}
    of_proof = {name: value for name, value in changes.items() if name not in of_record}
    return with_sig(with_proof(plain(**of_record), **of_proof), SECRET)


def with_sig(record: Fields, secret: bytes) -> str:
    """The record, proof or none, signed with all that is judged."""
    kind = DrawnPcs if "vrf_proof" in record else Pcs
    return body_of({**record, "sig": sign(HmacKey(secret), msgspec.convert(record, kind), Profile.JUDGED)}).decode()
