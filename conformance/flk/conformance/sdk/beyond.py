"""What is asked beyond the vectors: cases that were kept, and generated ones."""

import shlex
from os import PathLike
from typing import NamedTuple

import msgspec

from flk.conformance.diagnosis.diagnose import attributed, diagnose
from flk.conformance.operations import OPERATIONS
from flk.conformance.operations.signals import UNMEASURED
from flk.conformance.reports.report import CaseResult, Report
from flk.conformance.sdk import kept
from flk.conformance.sdk.driver import conform
from flk.conformance.sdk.selection import Selection
from flk.conformance.sdk.session import Launch
from flk.spec.vectors import Case


class Beyond(NamedTuple):
    """How many generated cases of each operation, drawn by which seed, and the file of cases that are kept, if there is one."""

    cases: int = 0
    seed: int = 0
    keep: str | PathLike[str] | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The options of the command that ask the same again."""
        drawn = (f"--generate={self.cases}", f"--seed={self.seed}") if self.cases else ()
        return drawn if self.keep is None else (*drawn, f"--keep={self.keep}")


def extended(report: Report, launch: Launch, selection: Selection, beyond: Beyond, deadline: float) -> Report:
    """The report on the vectors with what came of the rest. Cases that were answered wrongly are added to those that are kept.

    Raises UnusableInput if the file of kept cases is none.
    """
    results = {result.name: result for result in report.results}
    remarks = dict.fromkeys(report.remarks)
    known = selection.among(() if beyond.keep is None else kept.read(beyond.keep))
    if known:
        again = conform(launch, known, deadline=deadline, required=selection.profile)
        results |= {result.name: result for result in again.results}
        remarks |= dict.fromkeys(again.remarks)
    notes = report.notes
    wrong: tuple[Case, ...] = ()
    if beyond.cases:
        from flk.conformance.sdk import generated  # with Hypothesis, whose import takes longer than a short interview

        asked = [name for name in OPERATIONS if selection.asks(name)]
        notes += tuple(
            f"no cases of {name} are generated: the kit {UNMEASURED[name]}" for name in asked if name in UNMEASURED
        )
        found = generated.interview(
            launch,
            [name for name in asked if name not in UNMEASURED],
            cases=beyond.cases,
            start=beyond.seed,
            deadline=deadline,
            required=selection.profile,
        )
        results |= {result.name: result for result in found.results}
        remarks |= dict.fromkeys(found.remarks)
        wrong = found.wrong
    everything = tuple(results.values())
    diagnoses = diagnose(everything)
    everything = attributed(everything, diagnoses)
    if beyond.keep is not None and wrong:
        broken = {result.name: result.requirements for result in everything}
        kept.add(beyond.keep, [msgspec.structs.replace(case, requirements=broken[case.id]) for case in wrong])
    return msgspec.structs.replace(
        report,
        results=everything,
        remarks=tuple(remarks),
        notes=notes,
        diagnoses=diagnoses,
        again=_again(everything, launch, selection, beyond),
    )


def _again(results: tuple[CaseResult, ...], launch: Launch, selection: Selection, beyond: Beyond) -> str:
    """The line that asks the operations again that went wrong; all that was asked, if none did."""
    wrong = {result.group for result in results if not result.conforms}
    operations = [name for name in OPERATIONS if name in (wrong or selection.operations)]
    profile = () if selection.profile is None else (f"--profile={selection.profile.name}",)
    options = (*(f"--operation={name}" for name in operations), *profile, *selection.options, *beyond.options)
    return shlex.join(["flk", "conform", "sdk", *options, "--", *launch.words])
