"""The OpenAPI document as what each answer of a server is held against."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from tests.support.impl.client import Reply

FOLDER = Path(str(files("flk.spec").joinpath("openapi.json"))).parent
API: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text("utf-8"))


def _document(name: str) -> Resource[Any]:
    """A document of the specification, to be referred to by its name."""
    return Resource.from_contents(json.loads((FOLDER / name).read_text("utf-8")), default_specification=DRAFT202012)


REGISTRY = Registry[Any]().with_resources((name, _document(name)) for name in ("openapi.json", "pcs.schema.json"))


def described(path: str, status: int, method: str = "get") -> dict[str, Any]:
    """What the document says of an answer."""
    answer: dict[str, Any] = API["paths"][path][method]["responses"][str(status)]
    name = answer.get("$ref", "").rpartition("/")[2]
    return API["components"]["responses"][name] if name else answer


def check_body(schema: dict[str, Any], body: bytes) -> None:
    """Raises unless the body is one that the schema, or the one that it refers to, allows."""
    Draft202012Validator({"$ref": "openapi.json" + schema["$ref"]}, registry=REGISTRY).validate(json.loads(body))


def check_reply(path: str, reply: Reply, method: str = "get") -> None:
    """Raises unless the document has the status, the media type, each field that it demands, and the body."""
    answer = described(path, reply.status, method)
    kind = reply.headers["content-type"].partition(";")[0]
    assert kind in answer["content"], f"{method} {path} {reply.status}: {kind}"
    for name, field in answer.get("headers", {}).items():
        assert not field.get("required") or name.lower() in reply.headers, name
    if kind == "application/json":
        check_body(answer["content"][kind]["schema"], reply.body)
