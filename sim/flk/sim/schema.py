"""The JSON schema of a scenario file."""

from typing import Any

import msgspec

from flk.sim.duration import PATTERN, Seconds
from flk.sim.scenario import Scenario


def schema() -> dict[str, Any]:
    """The schema (JSON Schema, draft 2020-12), for completion and checks in an editor."""
    found = msgspec.json.schema(Scenario, schema_hook=_custom)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A scenario of FLK Lab", **found}


def _custom(kind: type) -> dict[str, Any]:
    if kind is Seconds:
        return {"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{PATTERN}$"}]}
    raise NotImplementedError(kind)
