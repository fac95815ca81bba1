"""Generated cases find what hand-made ones let live, tell the smallest with the rule that it breaks, and can be kept."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET, Raw
from tests.conformance.diagnosis.test_diagnose import results
from tests.support.conformance.living_defects import LIVING
from tests.support.conformance.regimes import REGIME

from flk.conformance import check_sdk
from flk.conformance.cases import CASES
from flk.conformance.diagnosis.diagnose import attributed, diagnose
from flk.conformance.operations import OPERATIONS
from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk import kept
from flk.conformance.sdk.generated import Findings, Wrong, interview, search
from flk.conformance.sdk.protocol import Run, Value
from flk.conformance.sdk.session import Answer, Launch
from flk.conformance.sdk.subject import answer
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

MOST = 2000
"""Cases that are drawn until a defect shows."""
SMALL = 1500
"""Characters of the largest question that is told, after it was shrunk."""
LARGE = {
    "blocks_of_64_kib",
    "reads_one_kibibyte",
    "tenants_share_a_store",
    "a_clock_that_leads_logs_on",
    "compresses_fast",
    "lengths_of_16_bits",
}
"""Defects that show in long questions only."""


def planted(name: str) -> Callable[[Run], Answer]:
    """Our own subject with a defect, in this process."""
    table = {**OPERATIONS, LIVING[name].operation: LIVING[name].defect}
    return lambda run: answer(run, table)


SLOW = {
    "a_clock_that_leads_logs_on",
    "any_digit",
    "cells_in_binary32",
    "cells_of_exact_products",
    "counts_bytes",
    "counts_utf_16",
    "cuts_windows_to_seconds",
    "forgets_a_third_key",
    "form_feed_is_space",
    "integers_with_exponents",
    "regions_in_utf_16",
    "repeats_are_spelt_alike",
    "slopes_deduplicated",
    "takes_a_high_s",
    "takes_small_orders",
    "tenants_share_a_store",
    "the_old_root_is_not_looked_at",
    "tolerances_in_binary64",
}
"""Defects that take seconds to find and shrink. `python -m tests.conformance.sdk.test_generated` tries all of them."""


def check(name: str) -> None:
    """A defect is found, attributed, diagnosed and shrunk; what the vectors say helps to tell one mistake from another."""
    defect = LIVING[name]
    found = search(defect.operation, planted(name), cases=MOST)
    assert isinstance(found, Wrong)
    assert found.result.requirements[0] in defect.requirements
    assert found.case.requirements == found.result.requirements
    assert len(found.result.input) <= SMALL or name in LARGE
    told = diagnose([*results(defect.operation, defect.defect), found.result])
    assert [one.form for one in told if found.case.id in one.cases] == ([defect.form] if defect.form else [])
    (after,) = attributed([found.result], told)
    assert after.requirements[0] in defect.requirements


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LIVING.keys() - SLOW))
def test_a_planted_defect_is_found_attributed_diagnosed_and_shrunk(name: str) -> None:
    """A sample of the defects, those that show soon."""
    check(name)


def test_every_operation_is_asked() -> None:
    """There are cases of each, and the model answers them as it must."""
    assert OPERATIONS.keys() == CASES.keys()
    for operation in ("regime", "validate", "pause"):
        found = search(operation, lambda run: answer(run, OPERATIONS), cases=10)
        assert not isinstance(found, Wrong)
        assert (found.status, found.comment) == (CaseStatus.PASSED, "10 generated cases")


def test_a_seed_draws_the_same_cases_and_another_one_others() -> None:
    """So the line that a report ends with asks the same again."""
    drawn: dict[int, list[bytes]] = {}
    for attempt, start in enumerate((7, 7, 8)):
        seen = drawn.setdefault(attempt, [])

        def ask(run: Run, seen: list[bytes] = seen) -> Answer:
            seen.append(bytes(run.input))
            return answer(run, OPERATIONS)

        search("budget", ask, cases=20, start=start)
    assert drawn[0] == drawn[1] != drawn[2]


def test_who_answers_now_so_and_now_otherwise_is_told_so() -> None:
    """A subject whose answers change from one asking to the next."""
    asked = []

    def ask(run: Run) -> Answer:
        asked.append(run)
        wrong = msgspec.structs.replace(run, operation="no such operation")
        return answer(wrong if len(asked) == 5 else run, OPERATIONS)

    found = search("regime", ask, cases=20)
    assert isinstance(found, Wrong)
    assert found.result.detail.startswith("answered once so and once otherwise")


class TestKept:
    """Cases that failed are kept in a file, which is asked each time."""

    def test_a_case_is_kept_once_and_read_again(self, tmp_path: Path) -> None:
        """As vectors, by operation."""
        found = search("fixed9", lambda run: Value(run.run, Raw(b'"1"')), cases=5)
        assert isinstance(found, Wrong)
        file = tmp_path / "kept.json"
        assert (kept.add(file, [found.case]), kept.add(file, [found.case])) == (1, 0)
        (group,) = kept.read(file)
        assert (group.operation, [case.id for case in group.cases]) == ("fixed9", [found.case.id])
        assert group.cases[0].expect.value is not UNSET

    @pytest.mark.parametrize("text", ["", "{}", "[{}]", '[{"operation":"d_hat"}]'])
    def test_a_file_that_holds_none_is_refused(self, tmp_path: Path, text: str) -> None:
        """With what to do."""
        file = tmp_path / "kept.json"
        file.write_text(text, "utf-8")
        with pytest.raises(UnusableInput, match="holds no kept cases"):
            kept.read(file)


def interviewed(mishap: str) -> Findings:
    """What comes of the generated cases of a process."""
    words = (sys.executable, "-c", REGIME.replace("MISHAP", mishap))
    return interview(Launch(words), ["regime", "d_hat"], cases=60, start=0, deadline=10.0)


@pytest.mark.slow
def test_a_process_is_asked_what_it_offers() -> None:
    """And nothing else."""
    found = interviewed("False")
    assert [(result.name, result.comment) for result in found.results] == [("regime/generated", "60 generated cases")]
    assert (found.wrong, found.remarks) == ((), ())


@pytest.mark.slow
def test_a_process_that_dies_does_not_end_the_search() -> None:
    """It is started again a few times, and the case that it died of is told."""
    ((result,), (case,), _) = interviewed("D_hat > 2")
    assert (result.status, result.requirements) == (CaseStatus.CRASHED, ("SIG-4",))
    assert msgspec.json.decode(case.input)["D_hat"] > 2
    assert result.detail == "the subject exited with status 3"


@pytest.mark.slow
def test_the_report_has_what_was_drawn_and_the_line_that_draws_it_again(tmp_path: Path) -> None:
    """What failed is in the file, and is asked from then on without drawing anything."""
    words = [sys.executable, "-c", REGIME.replace("MISHAP", "False").replace("2.6", "2.5")]
    report = check_sdk(words, ["regime"], cases=["regime/0-0"], generate=200, seed=3, keep=tmp_path / "kept.json")
    assert report.verdict is Verdict.VIOLATED
    assert f"--operation=regime --case=regime/0-0 --generate=200 --seed=3 --keep={tmp_path}" in report.again
    again = check_sdk(words, ["regime"], keep=tmp_path / "kept.json")
    assert [result.name for result in again.results if result.name == report.results[-1].name] != []


if __name__ == "__main__":
    for one in LIVING:
        check(one)
        print(f"{one}: found")
