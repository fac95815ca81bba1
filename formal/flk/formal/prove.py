"""The theorems of the lab, and what proving them comes to: the substance of `flk prove`."""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import TypeAlias

from flk.formal import first_write_wins, rounding_stability, verify_before_dedup
from flk.formal.theorem import Proof, Theorem, Verdict, prove

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told, before each proof: how many are done, how many there are, and the name of the next."""


THEOREMS: dict[str, Callable[[], Theorem]] = {
    first_write_wins.NAME: first_write_wins.theorem,
    verify_before_dedup.NAME: verify_before_dedup.theorem,
    rounding_stability.NAME: rounding_stability.theorem,
}
"""What builds each theorem, in the order in which they are shown."""


class ExitCode(IntEnum):
    """What a program that runs proofs exits with."""

    PROVED = 0
    REFUTED = 1
    UNDECIDED = 2


def theorems() -> tuple[Theorem, ...]:
    """All theorems."""
    return tuple(theorem() for theorem in THEOREMS.values())


def prove_all(names: Sequence[str] = (), seeds: int = 1, on_progress: Progress = lambda *_: None) -> list[Proof]:
    """A proof of each named theorem (of all, if none is named) under each of the seeds 0, 1, ...

    Raises ValueError if a name is not that of a theorem, or if `seeds` is less than 1.
    """
    unknown = [name for name in names if name not in THEOREMS]
    if unknown:
        raise ValueError(f"no theorem is called {', '.join(unknown)}: choose from {', '.join(THEOREMS)}")
    if seeds < 1:
        raise ValueError(f"seeds is {seeds}: give 1 or more")
    chosen = names or list(THEOREMS)
    proofs: list[Proof] = []
    for name in chosen:
        theorem = THEOREMS[name]()
        for seed in range(seeds):
            on_progress(len(proofs), len(chosen) * seeds, name)
            proofs.append(prove(theorem, seed))
    return proofs


def exit_code(proofs: Iterable[Proof]) -> ExitCode:
    """REFUTED if any theorem is, PROVED only if all are. Nothing proved is undecided."""
    verdicts = {proof.verdict for proof in proofs}
    if Verdict.REFUTED in verdicts:
        return ExitCode.REFUTED
    return ExitCode.PROVED if verdicts == {Verdict.PROVED} else ExitCode.UNDECIDED
