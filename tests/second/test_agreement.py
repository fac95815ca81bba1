"""Model, vectors and the second implementation answer alike."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.second.agreement import disagreement, expected, same
from tests.second.operations import OPERATIONS, answer, unpacked
from tests.second.record import examine
from tests.support import ROOT

from flk.conformance import operations as model
from flk.conformance.cases import CASES
from flk.spec.vectors import Vectors, load

SLOW = {
    "coherence": 5,
    "node": 8,
    "frame": 8,
    "canonical": 15,
    "judge": 10,
    "validate": 20,
    "authenticate": 20,
    "sign": 20,
}
"""How many cases a test run tries of operations whose cases take long; the command tries as many as it is told."""
CHECKED_BY = {"test_scrutiny.py", "agreement.py", "test_agreement.py", "test_published.py", "__main__.py"}
"""Modules that know the model: those that compare with it."""


@pytest.mark.slow
@pytest.mark.parametrize("vectors", load(), ids=lambda vectors: vectors.name)
def test_it_answers_every_vector_as_expected(vectors: Vectors) -> None:
    """Of every file of vectors, those written by hand included."""
    for case in vectors.cases:
        wanted, given_answer = expected(case.expect), answer(vectors.operation, msgspec.json.decode(case.input))
        if "field" not in wanted:
            given_answer.pop("field", None)
        assert same(given_answer, wanted), case.id


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
def test_it_answers_generated_cases_as_the_model_does(operation: str) -> None:
    """A sample; `python -m tests.second` tries ten thousand cases of each operation."""

    @settings(max_examples=SLOW.get(operation, 30), deadline=None, suppress_health_check=list(HealthCheck))
    @given(CASES[operation])
    def agree(case: dict[str, Any]) -> None:
        assert disagreement(operation, case) is None

    agree()


def test_it_has_every_operation_of_the_model() -> None:
    """And cases of each."""
    assert OPERATIONS.keys() == model.OPERATIONS.keys() == CASES.keys()


@given(CASES["validate"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_generated_body_breaks_one_rule_at_most(case: dict[str, str]) -> None:
    """This implementation finds every fault of a body, and so no two in any that the kit asks about."""
    body = unpacked(case["body_base64"]) if "body_base64" in case else case["body"].encode()
    assert len({(broken.requirement, broken.field) for broken in examine(body)[1]}) <= 1


def test_it_is_a_subject_for_the_kit() -> None:
    """It answers the protocol's messages line by line: a value, an error, and a goodbye."""
    messages = [
        {"hello": {"protocol": 1, "kit": "a test"}},
        {"run": 0, "operation": "fixed9", "input": {"x": 0.5, "bits": {}}},
        {"run": 1, "operation": "fixed9", "input": {"x": "NaN", "bits": {}}},
        {"bye": {}},
    ]
    lines = "".join(f"{json.dumps(message)}\n" for message in messages)
    command = [sys.executable, "-m", "tests.second.subject"]
    written = subprocess.run(
        command, cwd=ROOT, input=lines, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    hello, *replies = [json.loads(line) for line in written.splitlines()]
    assert hello["hello"]["operations"] == list(OPERATIONS)
    assert replies == [
        {"seq": 0, "value": "0.500000000"},
        {"seq": 1, "error": "C14N-4", "field": None},
        {"bye": {}},
    ]


def test_it_knows_nothing_of_what_it_judges() -> None:
    """Its modules import the standard library and each other: no model, no numeric library. The cases are the kit's."""
    known = {*sys.stdlib_module_names, "hypothesis", "tests"}
    for path in Path(__file__).parent.rglob("*.py"):
        if path.name not in CHECKED_BY:
            assert _imported(path) <= known, path


def _imported(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    imports = [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [alias.name for node in imports if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in imports if isinstance(node, ast.ImportFrom) and not node.level]
    return {module.partition(".")[0] for module in modules}


@given(
    st.none() | st.booleans() | st.integers(-1, 2) | st.floats(-1, 2), st.none() | st.booleans() | st.integers(-1, 2)
)
def test_a_number_is_no_truth_value(one: object, other: object) -> None:
    """Answers are compared as the protocol says: 1, 1.0 and 1e0 are one number, and none of them is true."""
    if isinstance(one, bool) == isinstance(other, bool):
        assert same(one, other) == (one == other)
    else:
        assert not same(one, other)
