"""What cannot be true together: a proof for all sizes, a bounded search and an exploration that differ over one protocol."""

from collections.abc import Iterator, Mapping

from flk.formal.explicit.engines.interpreted import InterpretedSearch
from flk.formal.explicit.engines.interpreted import search as explored
from flk.formal.explicit.explore import DEADLOCK, explore
from flk.formal.explicit.ground import Ground
from flk.formal.explicit.interpreter import Fault
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.language.properties import PropertyKind
from flk.formal.language.protocol import Protocol
from flk.formal.prover.bounded import FAULT, Outcome, search
from flk.formal.prover.obligations import Induction
from flk.formal.prover.proving import Proving, inductive
from flk.formal.prover.solver import EASY
from flk.spec.verdict import Verdict

DEPTH = 4
"""Steps of the bounded search."""

STATES = 400
"""Explored at most at each size."""


def differences(protocol: Protocol, seed: int = 0, *, whole: bool = False) -> Iterator[str]:
    """What two of them say that cannot both be; `whole`: prove everything, and compare the verdict of the proof, too."""
    kept = inductive(Induction(protocol), seed, effort=EASY)
    for sizes in _sizes(protocol):
        found = _explored(protocol, sizes)
        if found is not None and kept is not None:
            yield from _of_proof(kept, found, sizes)
    found = _explored(protocol, protocol.sizes())
    if found is not None:
        yield from _of_bounded_search(protocol, found, seed)
        if whole:
            yield from _of_verdict(protocol, seed)


def _sizes(protocol: Protocol) -> Iterator[dict[str, int]]:
    """The usual sizes, and all sorts alike with one, two and three elements."""
    usual = protocol.sizes()
    yield usual
    for size in range(1, 4):
        if any(each != size for each in usual.values()):
            yield dict.fromkeys(usual, size)


def _explored(protocol: Protocol, sizes: Mapping[str, int]) -> InterpretedSearch | None:
    """The interpreter's search; None where an assumption has no meaning at first."""
    try:
        return explored(Ground(Schema.of(protocol, sizes)), Options(max_states=STATES))
    except Fault:
        return None


def _of_proof(kept: frozenset[str], found: InterpretedSearch, sizes: Mapping[str, int]) -> Iterator[str]:
    """What is proved for all sizes is seen to fail at one."""
    if found.fault is not None:
        yield f"proved to have a meaning everywhere; {dict(sizes)} reaches a fault in {found.fault.depth} steps"
    for name in sorted(kept & found.hits.keys()):
        yield f"{name} is proved; {dict(sizes)} violates it in {found.hits[name].depth} steps"


def _of_bounded_search(protocol: Protocol, found: InterpretedSearch, seed: int) -> Iterator[str]:
    """A violation, a witness, a deadlock or a fault is not equally far."""
    hits = {name: hit.depth for name, hit in found.hits.items()}
    seen = min(DEPTH, len(found.layers) - 1) if not found.complete else DEPTH
    if found.fault is not None:
        hits[FAULT] = found.fault.depth
    expanded = seen if found.complete else min(seen, len(found.layers) - 2)
    if found.deadlock is not None:
        hits[DEADLOCK] = found.deadlock.depth
    for target in search(protocol, DEPTH, seed=seed).targets:
        if target.kind is PropertyKind.LEADS_TO:
            continue
        limit = expanded if target.name in {DEADLOCK, FAULT} and found.fault is None else seen
        if target.name == DEADLOCK and found.fault is not None:
            limit = min(limit, found.fault.depth - 1)
        ours = hits.get(target.name)
        theirs = target.depth if target.outcome is Outcome.FOUND else None
        if (ours if ours is None or ours <= limit else None) != (theirs if theirs is None or theirs <= limit else None):
            yield f"{target.name}: exploring says {ours} steps, bounded search {theirs}, of {limit} that both looked at"


def _of_verdict(protocol: Protocol, seed: int) -> Iterator[str]:
    """A proof holds though exploring finds something violated."""
    proof = Proving(protocol, (), seed)
    found = explore(protocol, explored, "interpreter", options=Options(max_states=STATES))
    wrong = [
        f.property for f in found.findings if f.verdict is Verdict.VIOLATED and f.kind is not PropertyKind.REACHABLE
    ]
    wrong += [f.property for f in found.implied if f.verdict is Verdict.VIOLATED]
    wrong += [FAULT] if found.fault else []
    if proof.status.verdict is Verdict.HOLDS and wrong:
        yield f"the proof's verdict is {proof.status}; exploring finds {', '.join(wrong)} violated"
