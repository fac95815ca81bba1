"""The theorems of the lab, and what proving them comes to: the substance of `flk prove`.

A theorem is a protocol, whose properties are proved together for any sizes of its sorts, or a statement about data.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import partial
from typing import TypeAlias

from flk.formal.language.protocol import Protocol
from flk.formal.library import catalogue
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs import data
from flk.formal.prover.proving import prove_protocol
from flk.formal.prover.theorem import Proof, Theorem, Verdict, prove

Progress: TypeAlias = Callable[[int, int, str], None]
"""Told, before each proof: how many are done, how many there are, and the name of the next."""

Prove: TypeAlias = Callable[[int], Proof]
"""Proves a theorem under a seed."""


def _of_data(theorem: Callable[[], Theorem]) -> Prove:
    return lambda seed: prove(theorem(), seed)


def _of_protocol(protocol: Protocol) -> Prove:
    return partial(prove_protocol, protocol, tuple(DESIGNS.values()))


THEOREMS: dict[str, Prove] = {
    **{name: _of_protocol(protocol) for name, protocol in PROTOCOLS.items()},
    **{name: _of_data(theorem) for name, theorem in data.THEOREMS.items()},
}
"""What proves each theorem, in the order in which they are shown."""


class ExitCode(IntEnum):
    """What a program that runs proofs exits with."""

    PROVED = 0
    REFUTED = 1
    UNDECIDED = 2


def find(name: str) -> Prove:
    """What proves the theorem of a name; of `gallery/NAME` or a path that ends in `.py`, what proves the protocol there.

    Raises ValueError for an unknown name, and UnusableInput for a file that defines no protocol.
    """
    if name in THEOREMS:
        return THEOREMS[name]
    if name.endswith(".py") or name.startswith("gallery/"):
        return _of_protocol(catalogue.find(name))
    raise ValueError(f"no theorem is called {name}: choose from {', '.join(THEOREMS)}, or give a Python file")


def prove_all(names: Sequence[str] = (), seeds: int = 1, on_progress: Progress = lambda *_: None) -> list[Proof]:
    """A proof of each named theorem (of all, if none is named) under each of the seeds 0, 1, ...

    Raises ValueError if a name is not that of a theorem, or if `seeds` is less than 1.
    """
    chosen = {name: find(name) for name in names or THEOREMS}
    if seeds < 1:
        raise ValueError(f"seeds is {seeds}: give 1 or more")
    proofs: list[Proof] = []
    for name, prove_under in chosen.items():
        for seed in range(seeds):
            on_progress(len(proofs), len(chosen) * seeds, name)
            proofs.append(prove_under(seed))
    return proofs


def exit_code(proofs: Iterable[Proof]) -> ExitCode:
    """REFUTED if any theorem is, PROVED only if all are. Nothing proved is undecided."""
    verdicts = {proof.verdict for proof in proofs}
    if Verdict.REFUTED in verdicts:
        return ExitCode.REFUTED
    return ExitCode.PROVED if verdicts == {Verdict.PROVED} else ExitCode.UNDECIDED
