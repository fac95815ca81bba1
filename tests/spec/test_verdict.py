"""One verdict, one mapping to exit codes."""

from hypothesis import given
from hypothesis import strategies as st

from flk.spec.verdict import Verdict, worst


def test_verdicts_have_exit_codes() -> None:
    """0 holds, 1 violated, 2 undecided."""
    assert {verdict: verdict.exit_code for verdict in Verdict} == {"holds": 0, "violated": 1, "undecided": 2}


@given(st.lists(st.sampled_from(Verdict)))
def test_the_worst_of_several(verdicts: list[Verdict]) -> None:
    """One violation decides; without one, one undecided check leaves the whole undecided; nothing checked holds."""
    violated, undecided = Verdict.VIOLATED in verdicts, Verdict.UNDECIDED in verdicts
    expected = Verdict.VIOLATED if violated else Verdict.UNDECIDED if undecided else Verdict.HOLDS
    assert worst(verdicts) is expected
