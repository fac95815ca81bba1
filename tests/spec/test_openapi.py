"""The OpenAPI document is valid and describes what the model answers."""

import json

import msgspec
import pytest
from openapi_spec_validator import validate
from tests.support.impl.contract import API, FOLDER, check_body, described
from tests.support.model.world import STORY, World

from flk.impl.server.admin import Proposed
from flk.impl.server.reload import Reloaded
from flk.impl.server.settings import REGION
from flk.impl.storage.inspecting import Distribution, Health, Held, Owner, Statistics
from flk.model.entries.entry import Key, Reason
from flk.model.flow.batch import lines_of
from flk.model.flow.submission import Equivocation, Problem, StoredOutcome, refuse
from flk.model.refusal import Malformed, Overloaded, Refused, TooLarge, Unauthenticated, Unavailable
from flk.spec.constants import CONSTANTS

SUBMIT = API["paths"]["/v1/pcs/submit"]["post"]
SCHEMAS = API["components"]["schemas"]
TELLS = {
    "Reloaded": Reloaded,
    "Proposed": Proposed,
    "Distribution": Distribution,
    "Held": Held,
    "Health": Health,
    "Statistics": Statistics,
    "Owner": Owner,
}
"""What the admin listener tells, by the names of the document."""


def check_submit_body(status: int, body: bytes) -> None:
    """Raises if the body is not one that the document allows as an answer to a submission with that status."""
    check_body(described("/v1/pcs/submit", status, "post")["content"]["application/json"]["schema"], body)


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
        check_submit_body(answer.status, answer.body)
    assert {answer.status for answer in answers} == {200, 202, 400, 401, 409}


def test_every_line_of_a_batch_is_described() -> None:
    """What the model answers, and the pause where trying again can help, are a line that the document allows (BAT-1)."""
    world = World("eu")
    answers = [world.ingest("eu", submission) for submission in STORY]
    answers += [refuse(kind("ORD-6", "later", retry_after=10)) for kind in (Overloaded, Unavailable)]
    described_line = {"$ref": "#/components/schemas/BatchLine"}
    for line in lines_of(answers).splitlines():
        check_body(described_line, line)
    with pytest.raises(Exception, match="required"):
        check_body(described_line, b'{"status":200}')


@pytest.mark.parametrize("kind", [Malformed, Unauthenticated, TooLarge, Overloaded, Unavailable])
def test_every_refusal_of_the_model_is_described(kind: type[Refused]) -> None:
    """Each kind of refusal has its status, and `Retry-After` exactly where trying again can help."""
    answer = refuse(kind("REC-5", "r must be at most 1", field="r"))
    check_submit_body(answer.status, answer.body)
    assert ("Retry-After" in described("/v1/pcs/submit", answer.status, "post").get("headers", {})) == (
        kind in {Overloaded, Unavailable}
    )


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
        check_submit_body(400, body)


def test_bodies_have_the_fields_of_the_model() -> None:
    """The schemas name the fields of the model's answers, all of them and no other."""
    entry = SCHEMAS["Entry"]
    assert tuple(entry["required"]) == tuple(entry["properties"]) == StoredOutcome.__struct_fields__
    extra = tuple(SCHEMAS["Equivocation"]["properties"])
    assert StoredOutcome.__struct_fields__ + extra == Equivocation.__struct_fields__
    assert tuple(SCHEMAS["Refusal"]["properties"]) == Problem.__struct_fields__
    assert entry["properties"]["reason"]["enum"] == [reason.value for reason in Reason]


def test_what_operators_are_told_has_the_fields_of_the_code() -> None:
    """So the types of a client are these structures, or are made of the document: both are the same."""
    for name, kind in TELLS.items():
        made = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
        assert list(SCHEMAS[name]["properties"]) == SCHEMAS[name]["required"] == list(made), name
        for field, schema in SCHEMAS[name]["properties"].items():
            if {"type", "anyOf"} & made[field].keys() and "type" in schema and schema["type"] != "array":
                either = made[field].get("anyOf", [made[field]])
                said = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
                assert sorted(said) == sorted(each["type"] for each in either), (name, field)
    assert tuple(SCHEMAS["Key"]["properties"]) == Key._fields


def test_what_needs_a_token_says_which_and_refuses_others() -> None:
    """Each endpoint with a security scheme has 401 and 403, with a challenge; and each path of administration has one (API-1)."""
    for path, methods in API["paths"].items():
        for name, asked in methods.items():
            if name in {"get", "post"}:
                secured = bool(asked.get("security"))
                assert secured == ({"401", "403"} <= asked["responses"].keys()), path
                assert secured or not path.startswith(("/admin", "/status"))
    assert described("/admin/shards", 401)["headers"]["WWW-Authenticate"]["required"]


def test_bounds_are_those_of_the_constants() -> None:
    """The tenant's pattern and default, the limit on a body, and the width of a timestamp are quoted, not invented."""
    tenant = API["components"]["parameters"]["Tenant"]["schema"]
    assert tenant == {
        "type": "string",
        "pattern": CONSTANTS.node.tenant_pattern,
        "default": CONSTANTS.node.default_tenant,
    }
    assert API["components"]["parameters"]["TenantName"]["schema"]["pattern"] == CONSTANTS.node.tenant_pattern
    (_, size) = API["paths"]["/admin/shards/{name}/sample"]["get"]["parameters"]
    (region,) = API["paths"]["/admin/divergence"]["get"]["parameters"]
    assert region["schema"]["pattern"] == f"^{REGION}$"
    limits = CONSTANTS.admin
    assert size["schema"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": limits.max_sample_size,
        "default": limits.sample_size,
    }
    assert f"at most {CONSTANTS.node.max_body_bytes} bytes" in SUBMIT["requestBody"]["description"]
    http, batch = CONSTANTS.http, API["paths"][CONSTANTS.node.batch_path]["post"]["requestBody"]["description"]
    assert f"at most {http.max_batch_records} and at most {http.max_batch_bytes} bytes" in batch
    assert (
        f"counter in the lower {CONSTANTS.clock.counter_bits}"
        in SCHEMAS["Entry"]["properties"]["timestamp"]["description"]
    )


def test_every_answer_that_the_specification_names_is_there() -> None:
    """The statuses of submission, and of readiness, with `Allow` beside 405; and the paths of the constants."""
    assert set(SUBMIT["responses"]) == {"200", "202", "400", "401", "404", "405", "409", "413", "429", "503"}
    assert f"{CONSTANTS.node.outcomes_path}/{{pcs_id}}" in API["paths"]
    assert "503" in API["paths"]["/ready"]["get"]["responses"]
    assert "Allow" in described("/health", 405)["headers"]
