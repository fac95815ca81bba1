"""Drafts of `node` whose log states policies: who is judged by which, and what comes of it (JDG-5, POL-7, POL-8, POL-12, VRF-6)."""

from collections.abc import Iterator

from flk.conformance.drafts.draft import NOW, SECRET, Draft
from flk.conformance.drafts.drawing import VRF, with_proof
from flk.conformance.drafts.policies import POLICIES
from flk.conformance.drafts.rulings import ruling
from flk.conformance.drafts.visits import DRAWING_KEYS, JUDGED, KEYS, body, plain, proven, with_sig
from flk.conformance.operations.forms import Keys
from flk.conformance.operations.node import Arrival, NodeInput, Stating
from flk.model.entries.scrutiny import Scrutiny
from flk.model.policies.document import VrfMode
from flk.model.policies.ruling import ALL, part_of
from flk.model.record.canonical import Profile

LOOSE = ruling(version="1.1.0", tol_budget=0.5)
STRICT = ruling(version="1.2.0", tol_D=0.01)
WARY = ruling(version="1.1.5", tol_budget=0.5, scrutiny=Scrutiny(slope=(1.5, 3.5)))
ODD = ruling(version="1.3.1", scrutiny=Scrutiny(reject_from=1e-9))
ASKING = ruling(version="1.4.0", vrf_mode=VrfMode.ENFORCED)
TRYING = ruling(version="1.4.1", vrf_mode=VrfMode.SHADOW)
TENANTS = ("default", "other")


def ruled() -> Iterator[Draft]:
    """Policies in force and staged, for all, for some and for nobody."""
    far, exact = body(budget=0.512345679), body(D_hat=1.001234567, epoch=2)
    comment = "the outcome is that of the policy in the log"
    yield _stated("in-force/loose", comment, "POL-8", Stating(LOOSE), far, exact)
    yield _stated("in-force/strict", comment, "POL-8", Stating(STRICT), far, exact, body(epoch=3))
    yield _stated("in-force/wary", comment, "POL-12", Stating(WARY), body())
    dense = body(r=0.001357911, budget=0.551357913)
    yield _stated("in-force/rejecting", comment, "POL-12", Stating(ODD), body(epoch=2), dense, dense)
    yield _stated("in-force/none", "the default has the numbers of the specification", "POL-8", Stating(), far, exact)
    yield _stated(
        "repeat", "the stored outcome, whatever it is", "JDG-5", Stating(STRICT), body(), body(), body(r=0.601357911)
    )
    for in_force, staged in ((None, LOOSE), (WARY, STRICT)):
        parts = {tenant: part_of(staged.version, tenant) for tenant in TENANTS}
        for share in sorted({0, ALL, *parts.values(), *(part + 1 for part in parts.values())}):
            stating = Stating(in_force, staged, share)
            arrivals = tuple(Arrival(NOW + at, tenant, _of(tenant)) for at, tenant in enumerate(TENANTS))
            asked = NodeInput("eu", KEYS, (Profile.FIXED,), arrivals, policies=stating)
            comment = f"parts {parts} of {ALL}"
            yield Draft(f"ruled/staged/{staged.version}/{share}", comment, asked, ("POL-7",), (POLICIES,))
    part = part_of(ASKING.version, "default")
    plainly, drawn = with_sig(plain(), SECRET), proven(epoch=2)
    wrong = proven(seed=7, epoch=3)
    for share, who in ((part, "the tenant is outside"), (part + 1, "the tenant is inside"), (0, "nobody is inside")):
        comment = f"{who}: whose policy asks for proofs, needs one"
        yield _drawn(f"staged-proofs/{share}", comment, Stating(None, ASKING, share), plainly, drawn, wrong)
    backwards = Stating(ASKING, TRYING, part_of(TRYING.version, "default") + 1)
    yield _drawn("proofs-on-trial", "a policy that tries proofs asks for none", backwards, plainly, drawn, wrong)
    no_proof = with_sig(with_proof(plain(), seed=7), SECRET)
    yield _drawn(
        "proofs-in-force", "whose policy asks for proofs, needs one", Stating(ASKING), no_proof, plainly, drawn
    )


def _of(tenant: str) -> str:
    """What a tenant sends: a budget that is far off, and a slope that is off by a little."""
    return body(KEYS[tenant][0].key, budget=0.512345679)


def _stated(slug: str, comment: str, requirement: str, policies: Stating, *bodies: str) -> Draft:
    arrivals = tuple(Arrival(NOW + at, "default", sent) for at, sent in enumerate(bodies))
    asked = NodeInput("eu", KEYS, (Profile.FIXED,), arrivals, policies=policies)
    return Draft(f"ruled/{slug}", comment, asked, (requirement,), (POLICIES,))


def _drawn(slug: str, comment: str, policies: Stating, *bodies: str, keys: Keys = DRAWING_KEYS) -> Draft:
    arrivals = tuple(Arrival(NOW + at, "default", sent) for at, sent in enumerate(bodies))
    asked = NodeInput("eu", KEYS, JUDGED, arrivals, keys, policies=policies)
    return Draft(f"ruled/{slug}", comment, asked, ("VRF-6", "POL-7"), (POLICIES, "judged", VRF))
