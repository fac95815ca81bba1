"""Every design of the gallery breaks what its protocol keeps, and in so many steps."""

from dataclasses import replace
from functools import cache

import pytest

from flk.formal.explicit.engines import interpreted, vectorised
from flk.formal.explicit.explore import Explored, explore
from flk.formal.explicit.interpreter import Interpreter
from flk.formal.explicit.schema import Schema
from flk.formal.explicit.search import Options
from flk.formal.language import PropertyKind, Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS, Design
from flk.spec.requirements import catalogue
from flk.spec.verdict import Verdict

STEPS = {
    "get-then-set": 9,
    "lookup-before-check": 5,
    "remembered-refusal": 2,
    "answer-before-durable": 1,
    "serve-before-replay": 7,
    "claim-in-any-order": 4,
    "ignored-store-error": 4,
    "own-clock-only": 8,
    "latest-asked-early": 6,
    "first-to-reach-the-store": 8,
    "a-store-for-each-node": 8,
    "answered-from-its-log": 8,
    "ready-before-its-log": 10,
    "free-since-it-cannot-be-read": 6,
    "first-frame-of-the-log": 7,
    "least-of-the-logs": 8,
    "put-back-without-looking": 10,
    "struck-before-it-is-joined": 9,
    "struck-though-more-came": 11,
    "last-write-wins": 7,
    "local-arrival": 7,
    "keep-what-is-stored": 7,
    "silent-supersession": 7,
    "unsealed-shipping": 4,
    "mark-before-upload": 4,
    "stepped-over-gap": 8,
    "single-watermark": 8,
    "judged-by-the-policy-of-now": 4,
    "judged-by-the-readers-policy": 5,
    "judged-by-the-default-for-want-of-a-key": 4,
    "stated-once": 10,
    "in-force-is-what-the-last-states": 5,
    "salvaged-into-what-is-open": 4,
    "in-memory-outbox": 2,
    "acknowledged-on-send": 2,
    "overload-buries": 4,
    "buried-and-kept": 3,
    "verify-before-dual-write": 6,
    "cutover-without-verification": 5,
    "one-way-cutover": 7,
    "each-keeps-its-first": 8,
    "unfenced-claim": 8,
    "moved-not-copied": 4,
    "frozen-for-cutover": 3,
    "looked-before-the-write": 14,
    "closed-where-they-answer": 8,
    "closed-in-the-next-only": 8,
    "opened-one-after-another": 14,
    "set-not-raised": 10,
    "read-and-not-looked-again": 9,
    "left-to-who-began-it": 7,
    "hot-tier-forgets": 5,
    "delete-before-write": 4,
    "outage-as-a-miss": 10,
    "hot-tier-only": 6,
    "removed-when-most-have-read": 5,
    "removed-behind-known-readers": 5,
    "counted-before-whole": 4,
    "removed-once-shipped": 3,
    "swept-by-the-clock": 6,
    "window-from-arrival": 5,
    "forgotten-by-a-fast-clock": 3,
    "the-least-for-ever": 5,
    "joined-from-the-peer": 3,
    "called-lost-by-age": 2,
    "looked-before-the-watermark": 6,
    "unacknowledged-retry": 4,
    "effect-not-keyed": 7,
    "mark-before-effect": 7,
    "removed-when-taken": 2,
    "dropped-after-retries": 5,
    "covered-by-one-log-for-all": 5,
    "left-out-though-it-kept-out": 9,
    "lost-and-not-barred": 8,
    "shipped-past-the-sign": 13,
    "last-by-name-stands-for-all": 11,
    "sequencer-by-lease": 9,
    "numbered-by-its-own-count": 2,
    "begun-with-a-checkpoint": 10,
    "signed-before-its-tiles": 4,
    "signed-ahead-of-its-batch": 4,
    "smaller-is-a-fork": 13,
    "larger-is-enough": 7,
    "witness-begins-anew": 8,
    "witness-follows-the-store": 14,
    "removed-and-no-leaf": 2,
}
"""Steps of a shortest counterexample."""


@cache
def refuted(name: str) -> Explored:
    """The design, searched for its counterexample by the fast engine."""
    design = DESIGNS[name]
    return explore(design.exhibit, vectorised.search, "vectorised", design.sizes, Options(stop=True))


@cache
def kept(base: Protocol, violates: str, sizes: tuple[tuple[str, int], ...]) -> Explored:
    """The protocol itself, with that property alone, searched to the end. At small sizes not every action can happen."""
    alone = base.variant(base.name, base.story)
    alone.without(*(name for name in base.properties if name != violates))
    alone.judge_only_properties()
    return explore(alone, vectorised.search, "vectorised", dict(sizes))


def base_of(design: Design) -> Protocol:
    """The protocol of the library that the design is a variant of."""
    assert design.protocol.base is not None
    return design.protocol.base


@pytest.mark.slow
@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_refuted_in_so_many_steps(name: str) -> None:
    """The shortest counterexample is as long as it should be."""
    (finding,) = refuted(name).findings
    assert (finding.property, finding.verdict) == (DESIGNS[name].violates, Verdict.VIOLATED)
    assert finding.path is not None
    assert len(finding.path.moves) - 1 == STEPS[name]


@pytest.mark.parametrize("name", DESIGNS)
def test_a_counterexample_breaks_the_property(name: str) -> None:
    """The readable interpreter finds the property broken in the last state and not before; or, for progress, in the whole loop."""
    design = DESIGNS[name]
    path = refuted(name).findings[0].path
    assert path is not None
    property_ = design.exhibit.properties[design.violates]
    interpreter = Interpreter(Schema.of(design.exhibit, design.sizes))
    aim = property_.condition if property_.conclusion is None else property_.conclusion
    truths = [bool(interpreter.evaluate(aim, move.state, {})) for move in path.moves]
    if property_.kind is PropertyKind.LEADS_TO:
        assert path.loop is not None
        assert not any(truths[path.loop :])
    else:
        assert truths == [property_.invariant] * STEPS[name] + [not property_.invariant]


LARGE = {"single-watermark", "opened-one-after-another"}
"""Designs whose states the readable engine takes more than ten seconds to come to."""


@pytest.mark.slow
@pytest.mark.sampled
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.thorough] if name in LARGE else [])
        for name in DESIGNS
        if DESIGNS[name].sizes
    ],
)
def test_the_readable_engine_finds_the_same(name: str) -> None:
    """Both engines tell the same story, step by step."""
    design = DESIGNS[name]
    told = explore(design.exhibit, interpreted.search, "interpreted", design.sizes, Options(stop=True))
    assert told.findings == refuted(name).findings


@pytest.mark.sampled
@pytest.mark.parametrize("name", DESIGNS)
def test_the_protocol_keeps_what_the_design_breaks(name: str) -> None:
    """At the same sizes the protocol itself never breaks that very property, and all of its states were seen.

    What a property says to be enabled is stated anew of the design's own actions: then the source is the same, not the condition.
    """
    design = DESIGNS[name]
    base = base_of(design)
    found = kept(base, design.violates, tuple(base.sizes(design.sizes).items()))
    assert found.verdict is Verdict.HOLDS
    keeps, breaks = base.properties[design.violates], design.protocol.properties[design.violates]
    assert replace(breaks, condition=keeps.condition) == keeps


@pytest.mark.parametrize("name", DESIGNS)
def test_a_design_is_told_and_ruled_out(name: str) -> None:
    """Each has a story, breaks something that was asked for, and is forbidden by requirements of the catalogue."""
    design = DESIGNS[name]
    assert design.protocol.name == name
    assert base_of(design) is PROTOCOLS[base_of(design).name]
    assert len(design.protocol.story.split()) >= 30
    assert design.protocol.properties[design.violates].kind not in {PropertyKind.LEMMA, PropertyKind.REACHABLE}
    known = {requirement.id for requirement in catalogue()}
    assert design.rules_out
    assert set(design.rules_out) <= known


def test_every_protocol_has_refuted_designs() -> None:
    """The gallery has at least twelve, three or more for each protocol but the yardstick."""
    assert set(STEPS) == set(DESIGNS)
    for name in PROTOCOLS.keys() - {"two-phase-commit"}:
        assert sum(base_of(design).name == name for design in DESIGNS.values()) >= 3
