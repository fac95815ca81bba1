"""What a drawn question bears on: the flags by which a subject may decline it, and the requirement that a wrong answer breaks.

A question that Hypothesis has shrunk has nothing in it that the wrong answer does not need, so what it still has tells the rule.
"""

import json
import math
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from flk.conformance.cases.values import PLAIN
from flk.conformance.operations import OPERATIONS, Broken, perform
from flk.model.record.canonical import Profile, round9
from flk.spec.constants import CONSTANTS
from flk.spec.vectors import Expect, load

Question = dict[str, Any]
REALS = ("D_hat", "budget", "coh_star", "r")
TEXTS = ("merkle_root", "pcs_id", "shard_id")


def flags(operation: str, question: Question) -> tuple[str, ...]:
    """Those that can be declined."""
    return tuple(sorted(set(_flags(operation, question))))


def _flags(operation: str, question: Question) -> Iterator[str]:
    profiles = {question.get("profile"), *question.get("profiles", ())}
    yield from profiles & {"judged", "shortest"}
    if "policy" in operation or question.get("policy") or question.get("policies"):
        yield "policies"
    if operation in {"sign_policy", "authenticate_policy", "judging_policy"}:
        yield "ed25519"
    if operation in {"sign", "authenticate", "node"} and '"ed25519"' in json.dumps(question):
        yield "ed25519"
    if any(isinstance(question["record"][name], list) for name in TEXTS if name in question.get("record", ())):
        yield "lone-surrogate"
    if operation == "coherence" and question["points"]:
        yield "mt19937"
    if operation == "compressibility" and question["raw"]:
        yield "zlib"


def requirement(operation: str, question: Question, expect: Expect, refused: str = "", received: object = None) -> str:
    """The one that a wrong answer to the question breaks: an error that names `refused`, or the value `received`."""
    if operation == "authenticate":
        return _of_authenticity(question, expect)
    if expect.error is not UNSET:
        return str(expect.error)
    if operation == "validate" and refused:
        return refused
    if operation in _BY_ANSWER and isinstance(expect.value, Raw):
        return _BY_ANSWER[operation](question, msgspec.json.decode(expect.value), received)
    rule = _RULES.get(operation)
    return _first(operation) if rule is None else rule(question)


def _first(operation: str) -> str:
    """The requirement that most vectors of the operation bear on."""
    named = [one.requirements[0] for group in load() if group.operation == operation for one in group.cases]
    return max(named, key=named.count)


def _of_number(x: float) -> str:
    if not math.isfinite(x):
        return "C14N-4"
    return "C14N-3" if round(x, 9) == 0 else "C14N-2"


def _of_form(question: Question) -> str:
    record, profile = question["record"], question["profile"]
    if profile != Profile.FIXED:
        return "C14N-9" if profile == Profile.JUDGED else "C14N-6"
    if any(len(str(record[name])) > 32 or str(record[name]) != str(record[name]).strip() for name in TEXTS[2:]):
        return "C14N-8"
    texts = [str(record[name]) for name in TEXTS]
    if any(not text.isascii() or not text.isprintable() or set(text) & set('"\\<>&') for text in texts):
        return "C14N-5"
    ordinary = all(float(record[name]) in {0.0, 1.0, 0.5, PLAIN[name]} for name in REALS)
    return "C14N-1" if ordinary else "C14N-2"


def _of_text(question: Question, due: str, received: object) -> str:
    """Of a text that is wrong but for its reals C14N-1: a shrunk record has such reals as every format writes wrongly."""
    form = _of_form(question)
    if form not in {"C14N-1", "C14N-2"} or not isinstance(received, str):
        return form
    blank, wrong = (re.sub(_REAL, r"\1", text) for text in (due, received))
    return "C14N-2" if blank == wrong else "C14N-1"


_REAL = re.compile(rf'("(?:{"|".join(REALS)})":)[^,}}]*')


def _of_signature(question: Question) -> str:
    secret, key = b64decode(question["key"]["secret"]), question["key"]["algorithm"]
    if key == "hmac-sha256" and (len(secret) > 64 or secret != secret.strip() or b"\0" in secret):
        return "SIGN-2"
    form = _of_form(question)
    if form not in {"C14N-1", "C14N-2"}:
        return form
    return "SIGN-3" if key == "ed25519" else "SIGN-2"


def _accepts(question: Question, **changes: Any) -> bool:
    try:
        perform(OPERATIONS["authenticate"], Raw(msgspec.json.encode({**question, **changes})))
    except Broken:
        return False
    return True


def _of_authenticity(question: Question, expect: Expect) -> str:
    """Of what must be refused, the rule but for which it would count; of what must count, the rule that most subjects lack."""
    keys, tenant = question["keys"], question["tenant"]
    own = keys.get(tenant, [])
    always = [{"algorithm": key["algorithm"], "key": key["key"]} for key in own]
    if expect.error is not UNSET:
        if _accepts(question, keys={**keys, tenant: always}):
            return "SIGN-4"
        if _accepts(question, keys={tenant: [key for several in keys.values() for key in several]}):
            return "SIGN-7"
        for profile, name in ((Profile.SHORTEST, "C14N-6"), (Profile.JUDGED, "C14N-9"), (Profile.FIXED, "C14N-9")):
            if _accepts(question, profiles=[profile]):
                return name
        is_long = len(question["sig"]) == 88  # the base64 of 64 bytes
        return "SIGN-3" if is_long and any(key["algorithm"] == "ed25519" for key in own) else "SIGN-6"
    without_windows = any(("not_after" in key and key["not_after"] is not None) or key.get("not_before") for key in own)
    if without_windows or len(own) > 1:
        return "SIGN-4"
    if question["profiles"] != ["fixed9"]:
        return "C14N-9" if "judged" in question["profiles"] else "C14N-6"
    return "SIGN-3" if own[0]["algorithm"] == "ed25519" else "SIGN-2"


def _of_pause(question: Question, due: float, received: object) -> str:
    is_of_rounding = isinstance(received, int | float) and abs(received - due) < 1e-9
    return "OUT-3" if is_of_rounding or not question["retry_after"] else "OUT-4"


def _of_observing(question: Question) -> str:
    ahead = (int(question["seen"], 16) >> 16) - math.floor(question["now"] * 1000)
    return "HLC-3" if ahead >= 1000 * CONSTANTS.clock.max_ahead_seconds else "HLC-2"


def _of_budget(question: Question) -> str:
    """SIG-7 where the exact sum is a tie."""
    weights = CONSTANTS.budget
    D_hat, coh_star, r = (Decimal(repr(round9(question[name]))) for name in ("D_hat", "coh_star", "r"))
    base, alpha, beta, gamma, bend = (
        Decimal(repr(x)) for x in (weights.base, weights.alpha, weights.beta, weights.gamma, weights.D0)
    )
    exact = base + alpha * (1 - r) + beta * max(Decimal(0), D_hat - bend) + gamma * coh_star
    return "SIG-7" if exact * 10**9 % 1 == Decimal("0.5") else "SIG-6"


def _of_root(question: Question) -> str:
    return "MRK-4" if len(question["raw"]) > 0 else "MRK-1"


_OF_STATUS = {401: "ORD-3", 409: "DUP-3", 503: "HLC-5"}


def _of_arrivals(question: Question, due: list[dict[str, Any]], received: object) -> str:
    """The rule of the first reply that is another one."""
    came = received if isinstance(received, list) else []
    place = next((at for at, reply in enumerate(due) if at >= len(came) or came[at] != reply), 0)
    wanted = due[place]
    if wanted["status"] == 400:
        return str(wanted["body"]["requirement"])
    if wanted["status"] in _OF_STATUS:
        return _OF_STATUS[wanted["status"]]
    before = question["arrivals"][:place]
    tenant = question["arrivals"][place]["tenant"]
    if any(arrival["tenant"] != tenant for arrival in before):
        return "DUP-4"
    if before:
        return "DUP-2"
    return "POL-8" if question.get("policies") else "ORD-7"


def _of_judgement(question: Question) -> str:
    policy = question.get("policy")
    if not policy:
        return "JDG-1"
    return "POL-12" if policy.get("scrutiny") else "POL-8"


_BY_ANSWER: dict[str, Callable[[Question, Any, object], str]] = {
    "canonical": _of_text,
    "pause": _of_pause,
    "node": _of_arrivals,
}
"""Of operations whose wrong answers tell more than the question, how."""
_RULES: dict[str, Callable[[Question], str]] = {
    "fixed9": lambda question: _of_number(float(question["x"])),
    "sign": _of_signature,
    "pcs_id": lambda _: "ID-1",
    "content_digest": lambda _: "DUP-9",
    "judge": _of_judgement,
    "policy": lambda _: "POL-3",
    "policy_mistakes": lambda _: "POL-2",
    "budget": _of_budget,
    "hlc_observe": _of_observing,
    "data_root": _of_root,
    "ring_owner": lambda question: "RNG-3" if question["unhealthy"] else "RNG-1",
}
"""Of operations whose vectors bear on several requirements, how a question tells which one."""
