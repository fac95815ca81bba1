"""Every design of the gallery breaks what its protocol keeps, and in so many steps."""

from functools import cache

import pytest

from flk.formal.engines import interpreted, vectorised
from flk.formal.finite.explore import Exploration, Verdict, explore
from flk.formal.finite.ground import Ground
from flk.formal.finite.interpreter import Interpreter
from flk.formal.finite.schema import Schema
from flk.formal.finite.search import Options, Search
from flk.formal.gallery import DESIGNS, Design
from flk.formal.language import PropertyKind, Protocol
from flk.formal.library import PROTOCOLS
from flk.spec.requirements import catalogue

STEPS = {
    "get-then-set": 9,
    "lookup-before-check": 5,
    "remembered-refusal": 2,
    "answer-before-durable": 1,
    "serve-before-replay": 7,
    "claim-in-any-order": 4,
    "ignored-store-error": 4,
    "last-write-wins": 5,
    "local-arrival": 5,
    "keep-what-is-stored": 5,
    "silent-supersession": 5,
    "unsealed-shipping": 3,
    "mark-before-upload": 2,
    "stepped-over-gap": 5,
    "in-memory-outbox": 2,
    "acknowledged-on-send": 2,
    "overload-buries": 4,
    "verify-before-dual-write": 6,
    "cutover-without-verification": 5,
    "one-way-cutover": 7,
    "each-keeps-its-first": 8,
    "hot-tier-forgets": 6,
    "delete-before-write": 4,
    "outage-as-a-miss": 11,
    "unacknowledged-retry": 4,
    "effect-not-keyed": 7,
    "mark-before-effect": 7,
    "removed-when-taken": 2,
}
"""Steps of a shortest counterexample."""


@cache
def refuted(name: str) -> Exploration:
    """The design, searched for its counterexample by the fast engine."""
    design = DESIGNS[name]
    return explore(design.exhibit, vectorised.search, "vectorised", design.sizes, Options(stop=True))


@cache
def searched(protocol: Protocol, sizes: tuple[tuple[str, int], ...]) -> Search:
    """All states of a protocol."""
    return vectorised.search(Ground(Schema.of(protocol, dict(sizes))), Options())


def base_of(design: Design) -> Protocol:
    """The protocol of the library that the design is a variant of."""
    assert design.protocol.base is not None
    return design.protocol.base


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_refuted_in_so_many_steps(name: str) -> None:
    """The shortest counterexample is as long as it should be, and its last state is the first that breaks the property."""
    design = DESIGNS[name]
    (finding,) = refuted(name).findings
    assert (finding.property, finding.verdict) == (design.violates, Verdict.VIOLATED)
    assert finding.path is not None
    assert len(finding.path.moves) - 1 == STEPS[name]
    property_ = design.exhibit.properties[design.violates]
    interpreter = Interpreter(Schema.of(design.exhibit, design.sizes))
    broken = [
        bool(interpreter.evaluate(property_.condition, move.state, {})) is not property_.invariant
        for move in finding.path.moves
    ]
    assert broken == [False] * STEPS[name] + [True]


@pytest.mark.parametrize("name", [name for name in DESIGNS if DESIGNS[name].sizes])
def test_the_readable_engine_finds_the_same(name: str) -> None:
    """Both engines tell the same story, step by step."""
    design = DESIGNS[name]
    told = explore(design.exhibit, interpreted.search, "interpreted", design.sizes, Options(stop=True))
    assert told.findings == refuted(name).findings


@pytest.mark.parametrize("name", DESIGNS)
def test_the_protocol_keeps_what_the_design_breaks(name: str) -> None:
    """At the same sizes the protocol itself never breaks that very property, and all of its states were seen."""
    design = DESIGNS[name]
    base = base_of(design)
    search = searched(base, tuple(base.sizes(design.sizes).items()))
    assert search.complete
    assert design.violates not in search.hits
    assert base.properties[design.violates] is design.protocol.properties[design.violates]


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_told_and_ruled_out(name: str) -> None:
    """Each has a story, breaks something that was asked for, and is forbidden by requirements of the catalogue."""
    design = DESIGNS[name]
    assert design.protocol.name == name
    assert base_of(design) is PROTOCOLS[base_of(design).name]
    assert len(design.protocol.story.split()) >= 30
    assert design.protocol.properties[design.violates].kind in {PropertyKind.ALWAYS, PropertyKind.NEVER}
    known = {requirement.id for requirement in catalogue()}
    assert design.rules_out
    assert set(design.rules_out) <= known


def test_every_protocol_has_refuted_designs() -> None:
    """The gallery has at least twelve, three or more for each protocol but the yardstick."""
    assert set(STEPS) == set(DESIGNS)
    for name in PROTOCOLS.keys() - {"two-phase-commit"}:
        assert sum(base_of(design).name == name for design in DESIGNS.values()) >= 3
