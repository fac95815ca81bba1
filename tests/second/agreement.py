"""Whether this implementation and the model answer a case alike."""

from typing import Any

import msgspec
from msgspec import UNSET, Raw

from flk.conformance import operations as model

from .operations import answer

NAMES_A_FIELD = {"validate", "authenticate"}
"""Operations whose errors are compared with the field at fault."""


def answer_of_the_model(operation: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the model answers, in the same form."""
    try:
        value = model.perform(model.OPERATIONS[operation], Raw(msgspec.json.encode(given)))
    except model.Broken as broken:
        return {"error": broken.requirement, "field": broken.field}
    except Exception as failure:  # noqa: BLE001  a failure is a disagreement, whichever it is
        return {"crash": repr(failure)}
    return {"value": msgspec.json.decode(value)}


def disagreement(operation: str, given: dict[str, Any]) -> str | None:
    """What the two answer, if it is not the same."""
    ours, models = answer(operation, given), answer_of_the_model(operation, given)
    if operation not in NAMES_A_FIELD:
        ours.pop("field", None)
        models.pop("field", None)
    return None if same(ours, models) else f"second: {ours}\nmodel:  {models}"


def expected(expect: Any) -> dict[str, Any]:
    """What a vector expects, in the form of an answer."""
    if expect.error is UNSET:
        return {"value": msgspec.json.decode(expect.value)}
    return {"error": expect.error} | ({} if expect.field is UNSET else {"field": expect.field})


def same(one: object, other: object) -> bool:
    """Equality of JSON values: numbers by value, and no number is a truth value."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
