"""The vectors as a check of mutants of the model: its answers are still those of the specification."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from flk.formal.mutation.check import Finding, killed, skipped, survived
from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.substitution import install
from flk.spec.vectors import Case, load

MODEL = "flk.model."


@dataclass(frozen=True)
class ConformanceVectors:
    """Every vector, put to the model as `flk conform sdk` puts it to a subject; the first that fails kills the mutant."""

    name: str = "vectors"
    configuration: str = ""

    def __call__(self, mutant: Mutant) -> Finding:
        """Ask until an answer is wrong."""
        if not mutant.module.startswith(MODEL):
            return skipped("vectors are about the model only")
        install(mutant)
        asked = 0
        for operation, case in _cases():
            asked += 1
            said = _wrong(operation, case)
            if said:
                return killed(f"vector {case.id} of {operation}: {said}", case.requirements)
        return survived(f"{asked} vectors pass")


def _cases() -> Iterator[tuple[str, Case]]:
    return ((group.operation, case) for group in load() for case in group.cases)


def _wrong(operation: str, case: Case) -> str:
    """What is wrong with the answer to a case, by modules that see the mutant; empty if nothing is."""
    subject, compare = import_module("flk.conformance.sdk.subject"), import_module("flk.conformance.sdk.compare")
    request = import_module("flk.conformance.sdk.protocol").Run(0, operation, case.input)
    said: str = compare.judge(case.expect, subject.answer(request, subject.OPERATIONS))[1]
    return said
