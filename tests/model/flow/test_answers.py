"""The table of answers agrees with the specification and with what the model says."""

import re

import msgspec
import pytest
from tests.support.impl.contract import API
from tests.support.model.world import STORY, World

from flk.model.flow.answers import ANSWERS, BEFORE_LOG, CLAIMS_NOTHING, STATES_ENTRY, SUBMIT_PATH, Meaning, meaning
from flk.model.flow.submission import StoredOutcome
from flk.model.refusal import NothingStored, Refused
from flk.spec.requirements import catalogue


def test_the_table_holds_the_answers_that_the_interface_documents() -> None:
    """Beside 404 and 405, which no submission gets, OpenAPI lists the same statuses under the same path."""
    assert {str(status) for status in ANSWERS} == API["paths"][SUBMIT_PATH]["post"]["responses"].keys() - {"404", "405"}


def test_the_table_cites_requirements_that_speak_of_the_status() -> None:
    """Every id exists, and one of those cited names the status."""
    texts = {requirement.id: requirement.text for requirement in catalogue()}
    for answer in ANSWERS.values():
        assert any(re.search(rf"\b{answer.status}\b", texts[cited]) for cited in answer.requirements), answer


def test_the_requirement_on_dead_letters_lists_what_the_table_refuses_for_good() -> None:
    """OUT-5 names the statuses, and OUT-2 those that acknowledge."""
    texts = {requirement.id: requirement.text for requirement in catalogue()}
    for cited, what in (("OUT-5", Meaning.REFUSED), ("OUT-2", Meaning.ACKNOWLEDGED)):
        named = {int(number) for number in re.findall(r"\b[245]\d\d\b", texts[cited])}
        assert named == {status for status in ANSWERS if meaning(status) is what}


def test_what_states_an_entry_is_what_the_model_answers_with_one() -> None:
    """Of all answers to the story, those of the table carry a stored outcome, and the others do not."""
    world = World("eu")
    for sent in STORY:
        response = world.ingest("eu", sent)
        states_entry = "digest" in msgspec.json.decode(response.body)
        assert states_entry == (response.status in STATES_ENTRY)
        if states_entry:
            assert msgspec.json.decode(response.body, type=StoredOutcome).region == "eu"


@pytest.mark.parametrize("status", [302, 404, 405, 500, 502])
def test_an_answer_of_no_node_is_retried(status: int) -> None:
    """A proxy, a wrong path, a crash: none of them says anything about the record."""
    assert meaning(status) is Meaning.RETRY


def test_every_refusal_is_in_the_table() -> None:
    """No class of refusal has a status that the table does not know, and what comes before the log states no entry."""
    kinds = [Refused]
    for kind in kinds:
        kinds += kind.__subclasses__()
    kinds.remove(NothingStored)  # no submission is answered so: it is what a question is told (API-3)
    assert {int(kind.status) for kind in kinds} <= ANSWERS.keys()
    assert not BEFORE_LOG & STATES_ENTRY


def test_what_the_log_need_not_hold_and_what_claims_nothing() -> None:
    """What is too large or too much is not logged, what fails perhaps not (ORD-4 to ORD-6); 400 and 401 claim nothing (DUP-5)."""
    assert {413, 429, 503} == BEFORE_LOG
    assert {400, 401} == CLAIMS_NOTHING
