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
from flk.spec.errors import UnusableInput
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


def theorem(name: str) -> str | Protocol:
    """What a name says: a theorem of the lab; of `gallery/NAME` or a path that ends in `.py`, the protocol there.

    Raises UnusableInput for an unknown name, and for a file that defines no protocol.
    """
    if name in THEOREMS:
        return name
    if name.endswith(".py") or name.startswith("gallery/"):
        return catalogue.find(name)
    raise UnusableInput(f"no theorem is called {name}: choose from {', '.join(THEOREMS)}, or give a Python file")


def prove_all(
    theorems: Sequence[str | Protocol] = (), seeds: int = 1, on_progress: Progress = lambda *_: None
) -> list[Proof]:
    """A proof of each theorem, by name or as a protocol (of all, if none is given), under each of the seeds 0, 1, ...

    Raises UnusableInput if a name is not that of a theorem, if two theorems have one name, or if `seeds` is less than 1.
    """
    if seeds < 1:
        raise UnusableInput(f"seeds is {seeds}: give 1 or more")
    chosen = _chosen(theorems or list(THEOREMS))
    proofs: list[Proof] = []
    for name, prove_under in chosen.items():
        for seed in range(seeds):
            on_progress(len(proofs), len(chosen) * seeds, name)
            proofs.append(prove_under(seed))
    return proofs


def _chosen(given: Sequence[str | Protocol]) -> dict[str, Prove]:
    """Each theorem once, by its name."""
    found: dict[str, Prove] = {}
    subjects: dict[str, str | Protocol] = {}
    for subject in (theorem(one) if isinstance(one, str) else one for one in given):
        name = subject.name if isinstance(subject, Protocol) else subject
        if subjects.setdefault(name, subject) is not subject and subjects[name] != subject:
            raise UnusableInput(f"two theorems are called {name}: give the protocol in your file another name")
        found[name] = _of_protocol(subject) if isinstance(subject, Protocol) else THEOREMS[subject]
    return found


def verdict_of(proofs: Iterable[Proof]) -> Verdict:
    """VIOLATED if any theorem is refuted, HOLDS only if all are proved or bounded. Nothing proved is undecided."""
    return worst([proof.verdict for proof in proofs] or [Verdict.UNDECIDED])
