"""Reports of any kind, drawn."""

from hypothesis import strategies as st

from flk.conformance.reports.coverage import Coverage
from flk.conformance.reports.report import CaseResult, CaseStatus, Diagnosis, Report

TEXTS = st.text("ab<>&'\"\x1b\n é𝄞", max_size=8)
ANSWERS = st.sampled_from(["", '"a"', "1", '[1,{"a":2}]', "null", "not JSON"])
RESULTS = st.builds(
    CaseResult,
    name=st.sampled_from(["fixed9/a", "judge/b", "accepted", "frame/c/d"]),
    comment=TEXTS,
    requirements=st.sampled_from([("C14N-2",), ("C14N-2", "JDG-1"), ("DUP-1",)]),
    status=st.sampled_from(CaseStatus),
    detail=TEXTS,
    input=TEXTS,
    details=st.lists(TEXTS, max_size=2).map(tuple),
    expected=ANSWERS,
    received=ANSWERS,
    hints=st.lists(TEXTS, max_size=2).map(tuple),
)
SAID = st.lists(TEXTS, max_size=2).map(tuple)
REPORTS = st.builds(
    Report,
    subject=TEXTS,
    results=st.lists(RESULTS, max_size=8).map(tuple),
    remarks=SAID,
    notes=SAID,
    again=TEXTS,
    coverage=st.none() | st.builds(Coverage, st.integers(0, 9), st.just(9), st.just(1), st.just(2)),
    profiles=st.sampled_from([(), ("signer",), ("signer", "trees")]),
    without=st.sampled_from([(), ("zlib",)]),
    diagnoses=st.lists(st.builds(Diagnosis, TEXTS, TEXTS, st.just(1), st.just(2), TEXTS, SAID), max_size=1).map(tuple),
    stale=SAID,
)
