"""What evidence is read from: JUnit XML of pytest, JSON of `flk claims` and `flk run`, and scrapes as Prometheus has them (EVD-1).

Each reader takes bytes, those of a file or those in a pack, and raises UnusableInput for what is something else.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from flk.model.compliance.sources import JudgedClaim, Run, Sample, TestOutcome, Tests
from flk.spec.errors import UnusableInput

_SEVERITY = tuple(TestOutcome)


def tests(files: Sequence[tuple[str, bytes]]) -> Tests:
    """The outcome of tests, from files of `pytest --junitxml` with their names. The worst outcome of a test counts."""
    began: list[float] = []
    outcomes: dict[str, TestOutcome] = {}
    for name, content in files:
        try:
            suites = list(Xml.fromstring(content).iter("testsuite"))  # noqa: S314 - expat bounds what entities come to
            began += [_seconds(suite.get("timestamp", "")) for suite in suites]
            for case in (case for suite in suites for case in suite.iter("testcase")):
                for test in _names(case):
                    outcomes[test] = min(_outcome(case), outcomes.get(test, TestOutcome.PASSED), key=_SEVERITY.index)
        except (Xml.ParseError, ValueError) as error:
            raise UnusableInput(f"{name}: {error}; it is to be the XML that `pytest --junitxml FILE` writes") from None
        if not suites:
            raise UnusableInput(f"{name}: no suite of tests is in it; write it with `pytest --junitxml FILE`")
    return Tests(tuple(began), outcomes)


def _seconds(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _names(case: Xml.Element) -> Iterator[str]:
    """The names that evidence has for a test: its module's path and the function, without parameters; or its class."""
    parts = case.get("classname", "").split(".")
    classes = [part for part in parts if part.startswith("Test")]
    path = "/".join(part for part in parts if part not in classes)
    names = [f"{path}.py", *classes, case.get("name", "").partition("[")[0]]
    yield from ("::".join(names[:end]) for end in range(2, len(names) + 1))


def _outcome(case: Xml.Element) -> TestOutcome:
    said = {child.tag for child in case}
    if said & {"failure", "error"}:
        return TestOutcome.FAILED
    return TestOutcome.SKIPPED if "skipped" in said else TestOutcome.PASSED


def claims(name: str, content: bytes) -> Mapping[str, JudgedClaim]:
    """The claims that `flk claims --json` has judged."""
    try:
        found = msgspec.json.decode(content, type=tuple[JudgedClaim, ...])
    except msgspec.DecodeError as error:
        raise UnusableInput(f"{name}: {error}; it is to be what `flk claims --json` prints") from None
    return {claim.name: claim for claim in found}


def run(name: str, content: bytes) -> Run:
    """The run of a scenario that `flk run --json` has made."""
    try:
        return msgspec.json.decode(content, type=Run)
    except msgspec.DecodeError as error:
        raise UnusableInput(f"{name}: {error}; it is to be what `flk run SCENARIO --json` prints") from None


def samples(name: str, content: bytes) -> Iterator[Sample]:
    """The samples of a scrape."""
    try:
        for family in text_string_to_metric_families(content.decode()):
            for sample in family.samples:
                yield Sample(sample.name, dict(sample.labels), float(sample.value))
    except (ValueError, KeyError, IndexError) as error:
        why = str(error) or "this is no text of Prometheus"
        raise UnusableInput(f"{name}: {why}; it is to be what a node answers at /metrics, or its address") from None
