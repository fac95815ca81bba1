"""The theorems of the lab, and what proving them comes to: the substance of `flk prove`.

A theorem is a protocol, whose properties are proved together for any sizes of its sorts, or a statement about data.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias

from flk.formal.language.protocol import Protocol
from flk.formal.library import catalogue
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs import data
from flk.formal.prover.proving import prove_protocol
from flk.formal.prover.theorem import Proof, Theorem, prove
from flk.spec.verdict import Verdict, worst

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


def verdict_of(proofs: Iterable[Proof]) -> Verdict:
    """VIOLATED if any theorem is refuted, HOLDS only if all are proved. Nothing proved is undecided."""
    return worst([proof.verdict for proof in proofs] or [Verdict.UNDECIDED])
