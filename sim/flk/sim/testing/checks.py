"""What the marks of the plugin check, and what a failing test says: verdict, smallest schedule, replay line."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import signature
from os import PathLike
from typing import NamedTuple

from flk.formal import Claims, Design, Exploration, Proofs, Protocol, claims, explore, prove
from flk.model.trials import attempt
from flk.sim.api.figures import measured
from flk.sim.api.hunts import HuntResult, hunt, shrink
from flk.sim.api.inputs import AnyDuration, AnyScenario, AnySeeds
from flk.sim.api.programs import AnyPrograms
from flk.sim.api.result import RunResult
from flk.sim.api.runs import run
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

HOLDS = str(Verdict.HOLDS)
_REQUIREMENT = re.compile(r"\b[A-Z][A-Z0-9]*-\d+\b")


class Options(NamedTuple):
    """What the command line says: the seed of this test, seeds and budget in place of the mark's, and runs at most to shrink."""

    seed: int | None
    seeds: str | None
    budget: str | None
    shrink: int


class Checked(NamedTuple):
    """What was found: the result, why the test fails (empty if it does not), and properties for the JUnit report."""

    result: object
    failure: str
    properties: tuple[tuple[str, str], ...]


def check(mark: str, args: Sequence[object], kwargs: Mapping[str, object], options: Options) -> Checked:
    """Do what a mark with these arguments asks for. Raises UnusableInput, and TypeError for arguments that it does not take."""
    checker = _CHECKERS[mark]
    signature(checker).bind(options, *args, **kwargs)
    return checker(options, *args, **kwargs)


def check_scenario(
    options: Options,
    scenario: AnyScenario,
    seeds: AnySeeds | None = None,  # noqa: ARG001 - the plugin has made a test of each
    *,
    records: str | PathLike[str] | None = None,
    programs: AnyPrograms = None,
    validate: bool = False,
    expect: str | None = HOLDS,
) -> Checked:
    """One run of a scenario."""
    found = run(scenario, options.seed, records=records, programs=programs, validate=validate, progress=False)
    failure = "" if _expected(found.verdict, expect) else "\n".join(_of_run(found, expect, options.shrink))
    return Checked(found, failure, tuple(_properties(_facts(found))))


def check_hunt(
    options: Options,
    base: AnyScenario | None = None,
    seeds: AnySeeds = 1000,
    budget: AnyDuration = None,
    programs: AnyPrograms = None,
    *,
    kinds: Iterable[str] = (),
    records: str | PathLike[str] | None = None,
    workers: int = 1,
    expect: str | None = HOLDS,
) -> Checked:
    """A hunt."""
    found = hunt(
        base,
        options.seeds or seeds,
        options.budget or budget,
        programs,
        kinds=kinds,
        records=records,
        workers=workers,
        progress=False,
    )
    failure = "" if _expected(found.verdict, expect) else "\n".join(_of_hunt(found, expect, options.shrink))
    facts: dict[str, object] = {"verdict": found.verdict, "runs": found.runs, "below": f"{found.rate.high:.3g}"}
    return Checked(found, failure, tuple(_properties({**(_facts(found.failure) if found.failure else {}), **facts})))


def check_protocol(
    options: Options,  # noqa: ARG001 - of scenarios and hunts
    protocol: Protocol | Design | str | PathLike[str],
    sizes: Mapping[str, int] | None = None,
    *,
    prove: bool = False,
    symmetry: bool = False,
    expect: str | None = HOLDS,
) -> Checked:
    """Every state of a protocol at chosen sizes, or a proof for any sizes."""
    if prove:
        if sizes or symmetry:
            raise UnusableInput("a proof holds for any sizes; leave out sizes and symmetry, or prove=True")
        return _proved(protocol, expect)
    found = explore(protocol, sizes, symmetry=symmetry, progress=False)
    ids = (id_ for one in found.protocol.properties.values() for id_ in one.requirements)
    facts = {"verdict": found.verdict, "states": found.states, "requirements": " ".join(dict.fromkeys(ids))}
    failure = "" if _expected(found.verdict, expect) else "\n".join(_of_protocol(found, expect))
    return Checked(found, failure, tuple(_properties({**facts, "replay": found.command})))


def check_claim(options: Options, name: str, *, expect: str | None = HOLDS) -> Checked:  # noqa: ARG001 - of scenarios and hunts
    """A claim of the earlier system."""
    found: Claims = claims(name, measure=measured, attempt=attempt, progress=False)
    failure = "" if _expected(found.verdict, expect) else f"{_headline(name, found.verdict, expect)}\n{found}"
    return Checked(found, failure, tuple(_properties({"verdict": found.verdict, "replay": f"flk claims {name}"})))


_CHECKERS: dict[str, Callable[..., Checked]] = {
    "flk_scenario": check_scenario,
    "flk_hunt": check_hunt,
    "flk_protocol": check_protocol,
    "flk_claim": check_claim,
}


def _proved(protocol: Protocol | Design | str | PathLike[str], expect: str | None) -> Checked:
    found: Proofs = prove(protocol, progress=False)
    failure = "" if _expected(found.verdict, expect) else f"{_headline('proof', found.verdict, expect)}\n{found}"
    return Checked(found, failure, tuple(_properties({"verdict": found.verdict, "replay": found.command})))


def _expected(verdict: Verdict, expect: str | None) -> bool:
    """Whether the verdict is the one expected; None leaves it to the body of the test."""
    if expect is not None and expect not in list(Verdict):
        raise UnusableInput(f"expect={expect!r}: choose from {', '.join(Verdict)}, or None to judge in the test's body")
    return expect is None or verdict == expect


def _headline(name: str, verdict: Verdict, expect: str | None) -> str:
    return f"{name}: {verdict.sign} {verdict}" + ("" if expect == HOLDS else f", expected {expect}")


def _of_run(found: RunResult, expect: str | None, limit: int) -> Iterator[str]:
    """What a run came to; of one that violates an invariant what is left after shrinking."""
    yield _headline(f"{found.scenario.name}, seed {found.seed}", found.verdict, expect)
    yield found.summary
    yield from _small(found, limit) if found.violated else (f"replay: {found.replay_line}",)


def _of_hunt(found: HuntResult, expect: str | None, limit: int) -> Iterator[str]:
    if found.failure is None:
        yield _headline(f"hunt over {found.runs:,} seeds", found.verdict, expect)
        return
    yield _headline(f"hunt, seed {found.failure.seed}", found.verdict, expect)
    yield from _small(found.failure, limit)


def _small(found: RunResult, limit: int) -> Iterator[str]:
    if limit < 1:
        yield from filter(None, (found.violation, f"replay: {found.replay_line}"))
    else:
        yield repr(shrink(found, limit=limit, progress=False))


def _of_protocol(found: Exploration, expect: str | None) -> Iterator[str]:
    sizes = ", ".join(f"{name} {size}" for name, size in found.sizes.items())
    yield _headline(f"{found.protocol.name} ({sizes}), {found.states:,} states", found.verdict, expect)
    for name, finding in found.properties.items():
        if finding.verdict is not Verdict.HOLDS:
            yield f"{name}: {finding.verdict}{f'; {finding.note}' if finding.note else ''}"
    yield from (f"  {number}  {step}" for number, step in enumerate(found.counterexample, 1))
    yield f"again: {found.command}"


def _facts(found: RunResult) -> dict[str, object]:
    """Of a run: the requirements of the violated invariants, or else of all that were checked."""
    told = [one for one in found.invariants if (one.invariant in found.violated if found.violated else one.checks)]
    ids = dict.fromkeys(id_ for one in told for id_ in _REQUIREMENT.findall(one.statement))
    return {
        "verdict": found.verdict,
        "scenario": found.scenario.name,
        "seed": found.seed,
        "digest": found.digest,
        "violated": " ".join(found.violated),
        "requirements": " ".join(ids),
        "replay": found.replay_line,
    }


def _properties(facts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    return ((f"flk.{name}", str(value)) for name, value in facts.items() if str(value))
