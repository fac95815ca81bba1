"""From a text to a policy, or to every mistake in it (POL-1, POL-2)."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from flk.model.entries.scrutiny import Scrutiny
from flk.model.policies.document import LIMITS, PARAMETERS, TOL_COH, Policy, VrfMode
from flk.model.record.canonical import round9
from flk.spec.constants import CONSTANTS
from flk.spec.hints import nearest

Fields = dict[str, Any]


class Mistake(NamedTuple):
    """What is wrong with a field, and how to mend it; the line, from 1 on, is that of the field, or of the document."""

    line: int
    field: str
    problem: str
    mend: str

    def __str__(self) -> str:
        """One line, as compilers write it behind the name of the file."""
        return f"{self.line}: {self.field}: {self.problem}; {self.mend}"


class Reading(NamedTuple):
    """Every mistake of a text, in the order of its lines; the policy if there is none."""

    mistakes: tuple[Mistake, ...]
    policy: Policy | None = None


class _Fault(NamedTuple):
    """A mistake of which the line is not looked up yet: it is that of the last place where the field is named."""

    field: str
    problem: str
    mend: str


DOCUMENT = "document"
"""The field at fault where bytes are no policy whatever its fields are."""
_SHOWN = 40  # characters of a value
_NUMBER = "write a JSON number with at most nine decimals"
_TEXTS = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?')
"""The texts of a JSON document, of which those before a colon are keys."""
_SHAPE = "a policy is one JSON object in UTF-8; `flk policy new` writes one"


def read(text: bytes) -> Reading:
    """What a text says. Where some fields are wrong, the others are still held against each other.

    >>> reading = read(b'{"version": "1.1"}')
    >>> print(reading.mistakes[0])
    1: version: is no version; write three whole numbers, such as 1.1.0
    """
    if len(text) > LIMITS.max_bytes:
        return _hopeless(f"has {len(text)} bytes", f"at most {LIMITS.max_bytes} are read: shorten the description")
    repeated: Counter[str] = Counter()
    try:
        decoded = text.decode()
        found = json.loads(decoded, object_pairs_hook=lambda pairs: _noted(pairs, repeated))
    except UnicodeDecodeError as error:
        return _hopeless(f"is not UTF-8: {error.reason} at byte {error.start}", _SHAPE)
    except json.JSONDecodeError as error:
        return _hopeless(f"is not JSON: {error.msg}", _SHAPE, error.lineno)
    except (RecursionError, ValueError) as error:
        return _hopeless(f"cannot be read: {error}", _SHAPE)
    if not isinstance(found, dict):
        return _hopeless("is not a JSON object", _SHAPE)
    faults = [
        *(_Fault(name, "stands more than once", "keep one: readers differ in which counts") for name in repeated),
        *_faults(found),
    ]
    if faults:
        lines = _lines(decoded)
        mistakes = (Mistake(lines.get(fault.field, 1), *fault) for fault in faults)
        return Reading(tuple(sorted(mistakes, key=lambda mistake: mistake.line)))
    policy = msgspec.convert(found, Policy)
    return Reading((), policy if policy.vrf is not VrfMode.OFF else msgspec.structs.replace(policy, vrf_mode=UNSET))


def _hopeless(problem: str, mend: str, line: int = 1) -> Reading:
    return Reading((Mistake(line, DOCUMENT, problem, mend),))


def _noted(pairs: list[tuple[str, object]], repeated: Counter[str]) -> Fields:
    counted = Counter(key for key, _ in pairs)
    repeated.update(key for key, times in counted.items() if times > 1)
    return dict(pairs)


def _lines(text: str) -> dict[str, int]:
    """Where each key stands last, which is the one that is read, however it is written."""
    keys = (match for match in _TEXTS.finditer(text) if match["colon"])
    return {json.loads(match["text"]): text.count("\n", 0, match.start()) + 1 for match in keys}


def _faults(found: Fields) -> Iterator[_Fault]:
    known = Policy.__struct_fields__
    for name in found.keys() - set(known):
        yield _Fault(name, "is no field of a policy", _unknown(name))
    for field in msgspec.structs.fields(Policy):
        if field.name in found:
            yield from _CHECKS.get(field.name, _number)(field.name, found[field.name])
        elif field.required:
            yield _Fault(field.name, "is missing", "add it")
    yield from _together({name: found[name] for name in PARAMETERS if _is_number(found.get(name))})


def _unknown(name: str) -> str:
    if name == "active":
        return "leave it out: the log says which policy is in force (`flk policy promote`)"
    return f"leave it out, or {nearest(name, Policy.__struct_fields__)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)


def _is_finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond every double
        return False


def _number(name: str, value: Any) -> Iterator[_Fault]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        yield _Fault(name, f"is {_shown(value)}, no number", _NUMBER)
    elif not _is_finite(value):
        yield _Fault(name, "is not finite", _NUMBER)
    elif round9(float(value)) != value:
        yield _Fault(name, f"is {_shown(value)}, with more than nine decimals", f"write {_shown(round9(float(value)))}")


def _form(pattern: str, problem: str, mend: str, *, empty: bool = False) -> Callable[[str, Any], Iterator[_Fault]]:
    whole = re.compile(pattern.removeprefix("^").removesuffix("$"), re.ASCII)

    def check(name: str, value: Any) -> Iterator[_Fault]:
        if not isinstance(value, str) or not (whole.fullmatch(value) or (empty and not value)):
            yield _Fault(name, problem, mend)

    return check


def _words(name: str, value: Any) -> Iterator[_Fault]:
    if not isinstance(value, str):
        yield _Fault(name, f"is {_shown(value)}, no text", "put it between quotation marks")
    elif len(value) > LIMITS.max_text:
        yield _Fault(name, f"has {len(value)} characters", f"shorten it to {LIMITS.max_text}")
    elif any("\ud800" <= letter <= "\udfff" for letter in value):
        yield _Fault(name, "has half of a surrogate pair", "write the character itself")


def _flags(name: str, value: Any) -> Iterator[_Fault]:
    if not isinstance(value, dict):
        yield _Fault(name, f"is {_shown(value)}, no object", "write {}, or leave it out")
        return
    for flag, is_set in value.items():
        if flag not in LIMITS.flags:
            yield _Fault(flag, "is no flag", f"leave it out, or {nearest(flag, LIMITS.flags)}")
        elif not isinstance(is_set, bool):
            yield _Fault(flag, f"is {_shown(is_set)}, no truth value", "write false, or leave it out")
        elif is_set:
            yield _Fault(flag, "is set", "write false: no policy switches off the log or the check of signatures")


def _vrf_mode(name: str, value: Any) -> Iterator[_Fault]:
    if value not in LIMITS.vrf_modes:
        yield _Fault(name, f"is {_shown(value)}", f"choose one of {', '.join(LIMITS.vrf_modes)}, or leave it out")


def _scrutiny(name: str, value: Any) -> Iterator[_Fault]:
    """What is asked besides: what is off is left out, so that one meaning has one form."""
    if not isinstance(value, dict):
        yield _Fault(name, f"is {_shown(value)}, no object", f"leave it out, or {_ASKS}")
        return
    if not value:
        yield _Fault(name, "asks for nothing", f"leave it out, or {_ASKS}")
    for check in value.keys() - _ASKED.keys():
        yield _Fault(check, "is no check", f"leave it out, or {nearest(check, Scrutiny.__struct_fields__)}")
    for check, faults in _ASKED.items():
        if check in value:
            yield from faults(check, value[check])
    low, high = (each if _is_number(each := value.get(name)) else None for name in ("escalate_from", "reject_from"))
    if low is not None and high is not None and low > high:
        yield _Fault(
            "escalate_from", f"is {low}, above reject_from", f"choose one up to {high}: what rejects escalates"
        )


def _counts(name: str, value: Any) -> Iterator[_Fault]:
    if value is not True:
        yield _Fault(name, f"is {_shown(value)}, not true", "write true, or leave it out")


def _bounds(name: str, value: Any) -> Iterator[_Fault]:
    if not isinstance(value, list) or len(value) != len(("least", "greatest")):
        yield _Fault(
            name, f"is {_shown(value)}, no pair", "write the least and the greatest slope that is usual, as [0.5, 3.0]"
        )
        return
    for bound in value:
        yield from _number(name, bound)
    if all(map(_is_number, value)) and not 0 <= value[0] <= value[1] <= CONSTANTS.record.D_hat_max:
        yield _Fault(name, f"is {_shown(value)}", f"write the least first, both from 0 to {CONSTANTS.record.D_hat_max}")


def _score(name: str, value: Any) -> Iterator[_Fault]:
    yield from _number(name, value)
    if _is_number(value) and not 0 < value <= 1:
        yield _Fault(name, f"is {value}", "choose a score above 0, at which every record would be odd, and at most 1")


_ASKS = 'name a check, as {"counts": true}'
_ASKED: dict[str, Callable[[str, Any], Iterator[_Fault]]] = {
    "counts": _counts,
    "slope": _bounds,
    "escalate_from": _score,
    "reject_from": _score,
}

_CHECKS: dict[str, Callable[[str, Any], Iterator[_Fault]]] = {
    "version": _form(LIMITS.version_pattern, "is no version", "write three whole numbers, such as 1.1.0"),
    "name": _words,
    "description": _words,
    "created_at": _form(
        LIMITS.created_at_pattern, "is no moment", "write one in UTC, such as 2026-01-01T00:00:00Z", empty=True
    ),
    "flags": _flags,
    "vrf_mode": _vrf_mode,
    "scrutiny": _scrutiny,
    "signed_by": _form(LIMITS.signer_pattern, "is no id of a key", "`flk policy sign` fills it in", empty=True),
    "signature": _form("^[A-Za-z0-9+/]{85}[AQgw]==$", "is no signature", "`flk policy sign` fills it in", empty=True),
}


def _together(numbers: dict[str, float]) -> Iterator[_Fault]:
    """The ranges of the numbers, and how they go together: each rule that names only numbers that can be read."""
    for name, (least, most) in _RANGES.items():
        if name in numbers and not least <= numbers[name] <= most:
            yield _Fault(name, f"is {numbers[name]}", f"choose from {least} to {most}")
    if "tol_coh" in numbers and numbers["tol_coh"] != TOL_COH:
        yield _Fault("tol_coh", f"is {numbers['tol_coh']}", f"write {TOL_COH}: no other record is valid (REC-5)")
    weights = [numbers[name] for name in _WEIGHTS if name in numbers]
    if len(weights) == len(_WEIGHTS) and round9(sum(weights)) > 1:
        yield _Fault("gamma", f"makes the weights {' + '.join(map(str, weights))} more than 1", "lower one of them")
    low, high = numbers.get("sticky_D_hat_max"), numbers.get("non_sticky_D_hat_min")
    if low is not None and high is not None and not low < high:
        yield _Fault("sticky_D_hat_max", f"is {low}, not below non_sticky_D_hat_min", f"choose one below {high}")


_WEIGHTS = ("alpha", "beta", "gamma")
_RANGES = {
    "tol_D": (0, LIMITS.tol_D_max),
    "tol_budget": (0, LIMITS.tol_budget_max),
    **dict.fromkeys(_WEIGHTS, (0, 1)),
    "base": (0, 1),
    "D0": (0, LIMITS.D0_max),
    "sticky_coherence_min": (0, CONSTANTS.record.coh_star_max),
    "sticky_D_hat_max": (0, CONSTANTS.record.D_hat_max),
    "non_sticky_D_hat_min": (0, CONSTANTS.record.D_hat_max),
}


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
