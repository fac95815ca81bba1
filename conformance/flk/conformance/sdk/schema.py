"""The protocol as JSON Schema, made of the classes that read and write it, for readers in other languages."""

import json
from inspect import cleandoc
from pathlib import Path
from typing import get_type_hints

import msgspec

from flk.conformance.operations import OPERATIONS, delivery, form
from flk.conformance.sdk.protocol import REPLIES, REQUESTS, VERSION

PATH = Path(__file__).with_name("protocol.schema.json")


def schema() -> dict[str, object]:
    """`$defs/request` and `$defs/reply` are what goes down and what comes up; `operations` has the input and the value of each."""
    requests, replies = tuple(REQUESTS.values()), tuple(REPLIES.values())
    forms = (*(form(operation) for operation in OPERATIONS.values()), delivery.Deliver)
    values = (*(get_type_hints(operation)["return"] for operation in OPERATIONS.values()), delivery.Told)
    described = {**{name: operation.__doc__ for name, operation in OPERATIONS.items()}, delivery.NAME: delivery.__doc__}
    types, definitions = msgspec.json.schema_components(
        [*requests, *replies, *forms, *values], ref_template="#/$defs/{name}"
    )
    shapes = iter(types)
    down, up = ([next(shapes) for _ in group] for group in (requests, replies))
    inputs, answers = ([next(shapes) for _ in group] for group in (forms, values))
    operations = {
        name: {"description": cleandoc(text or ""), "input": question, "value": answer}
        for (name, text), question, answer in zip(described.items(), inputs, answers, strict=True)
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"The SDK protocol of the conformance kit, version {VERSION}",
        "operations": operations,
        "$defs": {
            "request": {"oneOf": down},
            "reply": {"oneOf": up},
            **{name: _for_all(it) for name, it in definitions.items()},
        },
    }


def _for_all(definition: dict[str, object]) -> dict[str, object]:
    """Without the examples in Python that a class may have, and without the indentation that Python before 3.13 leaves."""
    described = definition.get("description")
    return (
        {**definition, "description": cleandoc(described.partition(">>>")[0]).strip()}
        if isinstance(described, str)
        else definition
    )


def text() -> str:
    """The schema as it is committed."""
    return json.dumps(schema(), indent=1) + "\n"
