"""Selection: what is asked is exactly what was asked for, and never passes for more."""

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flk.conformance import check_sdk, reference_subject
from flk.conformance.reports.patterns import matches
from flk.conformance.sdk.selection import Selection
from flk.spec.errors import UnusableInput
from flk.spec.profiles import profile
from flk.spec.vectors import load
from flk.spec.verdict import Verdict

CASES = [(group.operation, case) for group in load() for case in group.cases]


@given(
    st.sampled_from(["signer", "log"]), st.sampled_from(["C14N-*", "SIGN-1", "WAL-*"]), st.sampled_from(["*/a*", "**"])
)
def test_what_is_asked_is_all_of_what_was_asked_for(name: str, requirement: str, pattern: str) -> None:
    """Profile, requirement and name, each as if alone; nothing that is meant is left out."""
    wanted = profile(name)
    meant = {
        case.id
        for operation, case in CASES
        if wanted.asks(operation)
        and any(one.startswith(requirement.rstrip("*")) for one in case.requirements)
        and matches(pattern, case.id)
    }
    selection = Selection((), wanted, (requirement,), (pattern,))
    if meant:
        assert {case.id for group in selection.of(load()) for case in group.cases} == meant
    else:
        with pytest.raises(UnusableInput, match="ask for less at once"):
            selection.of(load())


@pytest.mark.parametrize(
    ("selection", "says"),
    [
        (Selection(("sing",)), "no operation is called sing; did you mean sign?"),
        (Selection(requirements=("SIGN-99",)), "no case bears on a requirement SIGN-99; did you mean SIGN-"),
        (Selection(cases=("regime/1.5-0.8",)), "no case is called regime/1.5-0.8; did you mean regime/1.5-0.7"),
        (Selection(cases=("%%%",)), "flk conform vectors --json"),
    ],
)
def test_a_name_of_nothing_is_answered_with_the_nearest(selection: Selection, says: str) -> None:
    """Of operations, requirements and cases."""
    with pytest.raises(UnusableInput, match=re.escape(says)):
        selection.of(load())


@pytest.mark.slow
def test_a_narrowed_run_never_says_plainly_that_the_subject_conforms() -> None:
    """Not even for the model itself, nor for a whole profile of which some cases were left out."""
    for narrowed in ({"requirements": ["MRK-1"]}, {"profile": "trees", "cases": ["merkle_root/**"]}):
        report = check_sdk(reference_subject(), None, **narrowed)
        assert report.verdict is Verdict.HOLDS
        assert report.conclusion.startswith("conforms to the profile partial: ")


@pytest.mark.slow
def test_the_line_that_asks_again_asks_no_more() -> None:
    """What narrowed the run stands in it."""
    report = check_sdk([sys.executable, "-m", "flk.conformance.sdk.subject"], cases=["regime/1.5-*"])
    assert "flk conform sdk --operation=regime '--case=regime/1.5-*' -- " in report.again
