"""The OpenAPI document is valid and describes what the model answers."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from tests.support.model.world import STORY, World

from flk.model.entries.entry import Reason
from flk.model.flow.batch import lines_of
from flk.model.flow.submission import Equivocation, Problem, StoredOutcome, refuse
from flk.model.refusal import Malformed, Overloaded, Refused, TooLarge, Unauthenticated, Unavailable
from flk.spec.constants import CONSTANTS

FOLDER = Path(str(files("flk.spec").joinpath("openapi.json"))).parent
API: dict[str, Any] = json.loads((FOLDER / "openapi.json").read_text("utf-8"))
SUBMIT = API["paths"]["/v1/pcs/submit"]["post"]
SCHEMAS = API["components"]["schemas"]


def document(name: str) -> Resource[Any]:
    """A document of the specification, to be referred to by its name."""
    return Resource.from_contents(json.loads((FOLDER / name).read_text("utf-8")), default_specification=DRAFT202012)


REGISTRY = Registry[Any]().with_resources((name, document(name)) for name in ("openapi.json", "pcs.schema.json"))


def described(status: int) -> dict[str, Any]:
    """What the document says of an answer to a submission."""
    answer: dict[str, Any] = SUBMIT["responses"][str(status)]
    name = answer.get("$ref", "").rpartition("/")[2]
    return API["components"]["responses"][name] if name else answer


def check_body(status: int, body: bytes) -> None:
    """Raises if the body is not one that the document allows with that status."""
    schema = described(status)["content"]["application/json"]["schema"]
    rooted = {"$ref": "openapi.json" + schema["$ref"]}
    Draft202012Validator(rooted, registry=REGISTRY).validate(json.loads(body))


def test_the_document_is_valid() -> None:
    """It obeys OpenAPI 3.1, and every reference in it, that to the record's schema included, leads somewhere."""
    validate(API, base_uri=(FOLDER / "openapi.json").as_uri())
    assert API["openapi"].startswith("3.1.")


def test_a_broken_reference_would_be_seen() -> None:
    """Guards the test above."""
    broken = json.loads(json.dumps(API).replace("pcs.schema.json", "absent.schema.json"))
    with pytest.raises(Exception, match="absent"):
        validate(broken, base_uri=(FOLDER / "openapi.json").as_uri())


def test_every_answer_of_the_model_is_described() -> None:
    """Stored, escalated, duplicate, equivocating, forged and malformed submissions get bodies that the document allows."""
    world = World("eu")
    answers = [world.ingest("eu", submission) for submission in STORY]
    for answer in answers:
        check_body(answer.status, answer.body)
    assert {answer.status for answer in answers} == {200, 202, 400, 401, 409}


def test_every_line_of_a_batch_is_described() -> None:
    """What the model answers, and the pause where trying again can help, are a line that the document allows (BAT-1)."""
    world = World("eu")
    answers = [world.ingest("eu", submission) for submission in STORY]
    answers += [refuse(kind("ORD-6", "later", retry_after=10)) for kind in (Overloaded, Unavailable)]
    validator = Draft202012Validator({"$ref": "openapi.json#/components/schemas/BatchLine"}, registry=REGISTRY)
    for line in map(json.loads, lines_of(answers).splitlines()):
        validator.validate(line)
    with pytest.raises(Exception, match="required"):
        validator.validate({"status": 200})


@pytest.mark.parametrize("kind", [Malformed, Unauthenticated, TooLarge, Overloaded, Unavailable])
def test_every_refusal_of_the_model_is_described(kind: type[Refused]) -> None:
    """Each kind of refusal has its status, and `Retry-After` exactly where trying again can help."""
    answer = refuse(kind("REC-5", "r must be at most 1", field="r"))
    check_body(answer.status, answer.body)
    assert ("Retry-After" in described(answer.status).get("headers", {})) == (kind in {Overloaded, Unavailable})


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "no", "requirement": "REC-5"}',
        b'{"error": "no", "requirement": "REC", "field": null}',
        b'{"error": "", "requirement": "REC-5", "field": null}',
        b'{"error": "no", "requirement": "REC-5", "field": null, "sig": "x"}',
    ],
)
def test_a_body_that_is_not_described_would_be_seen(body: bytes) -> None:
    """Guards the tests above: a missing, empty or additional field does not pass."""
    with pytest.raises(Exception, match=r"required|match|short|should be|unexpected"):
        check_body(400, body)


def test_bodies_have_the_fields_of_the_model() -> None:
    """The schemas name the fields of the model's answers, all of them and no other."""
    entry = SCHEMAS["Entry"]
    assert tuple(entry["required"]) == tuple(entry["properties"]) == StoredOutcome.__struct_fields__
    extra = tuple(SCHEMAS["Equivocation"]["properties"])
    assert StoredOutcome.__struct_fields__ + extra == Equivocation.__struct_fields__
    assert tuple(SCHEMAS["Refusal"]["properties"]) == Problem.__struct_fields__
    assert entry["properties"]["reason"]["enum"] == [reason.value for reason in Reason]


def test_bounds_are_those_of_the_constants() -> None:
    """The tenant's pattern and default, the limit on a body, and the width of a timestamp are quoted, not invented."""
    tenant = API["components"]["parameters"]["Tenant"]["schema"]
    assert tenant == {
        "type": "string",
        "pattern": CONSTANTS.node.tenant_pattern,
        "default": CONSTANTS.node.default_tenant,
    }
    assert f"at most {CONSTANTS.node.max_body_bytes} bytes" in SUBMIT["requestBody"]["description"]
    http, batch = CONSTANTS.http, API["paths"][CONSTANTS.node.batch_path]["post"]["requestBody"]["description"]
    assert f"at most {http.max_batch_records} and at most {http.max_batch_bytes} bytes" in batch
    assert (
        f"counter in the lower {CONSTANTS.clock.counter_bits}"
        in SCHEMAS["Entry"]["properties"]["timestamp"]["description"]
    )


def test_every_answer_that_the_specification_names_is_there() -> None:
    """The statuses of submission and of the three endpoints of operation, with `Allow` beside 405."""
    assert set(SUBMIT["responses"]) == {"200", "202", "400", "401", "404", "405", "409", "413", "429", "503"}
    assert set(API["paths"]) == {"/v1/pcs/submit", "/v1/pcs/batch", "/health", "/ready", "/metrics"}
    assert "503" in API["paths"]["/ready"]["get"]["responses"]
    assert "Allow" in described(405)["headers"]
