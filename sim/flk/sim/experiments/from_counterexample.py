"""From a counterexample to a drill: each step of a path becomes an act or a fault at its own moment.

A program of the simulator runs through at once, where the protocol takes a step at a time. So a submission comes when its last
step does, a round of shipping when its first does, and what the path has not done yet is kept from happening: the region is cut off
from the object store until the next step that needs it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from flk.formal.explicit.explore import Move, Path
from flk.formal.language.protocol import Protocol
from flk.formal.language.text import show
from flk.sim.checkers.invariants import Invariant
from flk.sim.nodes.designs import DESIGNS
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import ClockSkew, Fault, Partition, RegionCrash, StoreOutage
from flk.sim.scenarios.policy import Objectives, Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Act, Replay, Ship, Submit
from flk.sim.scenarios.topology import OBJECTS, Link, Network
from flk.sim.scenarios.topology import Path as Way
from flk.sim.scenarios.workload import Workload
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

STEP = 20.0
"""Seconds between two steps of the path, and before the first: nodes start, and find in the object store that they are new."""
LEG = 1.0
"""Seconds that a message to or from the object store takes, so that a round can be cut between two requests."""
SETTLE = 240.0
"""Seconds after the last step, in which what can still come right does."""
FILLER = 100
"""Number of the first record that only fills a segment."""

SAME: dict[str, frozenset[Invariant]] = {
    "answered_is_logged": frozenset({Invariant.DURABLE}),
    "forgers_learn_nothing": frozenset({Invariant.STORED_REPLY}),
    "outcome_never_changes": frozenset({Invariant.STORED_REPLY}),
    "own_claims_count": frozenset({Invariant.WATERMARK, Invariant.SEALED}),
    "replayed_is_merged": frozenset({Invariant.WATERMARK, Invariant.NO_GAP, Invariant.CONVERGENCE}),
    "shipped_is_uploaded": frozenset({Invariant.WATERMARK}),
}
"""Which invariants of a run say what a property of the protocol says."""


_NOBODY_MOVES = msgspec.structs.replace(CONSTANTS.failover, probe_failures=1_000_000)


def schedule(protocol: Protocol, path: Path, records: str = "dataset:jacksboro-fault") -> Scenario:
    """The drill that does what the path does, running the design that the protocol is a variant of.

    Raises UnusableInput for a design that the simulator has no programs for, and for a step that a run cannot be made to take.
    """
    if protocol.name not in DESIGNS:
        raise UnusableInput(
            f"{protocol.name}: the simulator has no programs of this design; it runs {', '.join(sorted(DESIGNS))}"
        )
    return _Schedule(protocol, path.moves[1:]).scenario(records)


@dataclass(frozen=True)
class Done:
    """A step of the path with its parameters by name, and its moment."""

    action: str
    given: Mapping[str, str]
    at: float


@dataclass(frozen=True)
class _Schedule:
    protocol: Protocol
    moves: Sequence[Move]

    @cached_property
    def steps(self) -> tuple[Done, ...]:
        return tuple(Done(move.action, self._given(move), STEP * number) for number, move in enumerate(self.moves, 1))

    @cached_property
    def end(self) -> float:
        return STEP * (len(self.moves) + 1) + SETTLE

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """One for each log that the path names, or the one node of `ingest`."""
        named = {
            step.given[p] for step in self.steps for p in ("n", "p") if p in step.given and "region" in step.given[p]
        }
        return tuple(sorted(named)) or ("region1",)

    def scenario(self, records: str) -> Scenario:
        acts = sorted(self.acts(), key=lambda act: act.at)
        return Scenario(
            name=self.protocol.name,
            description=f"The shortest counterexample to {self.protocol.name}: {' > '.join(m.shown for m in self.moves)}.",
            duration=Seconds(self.end),
            regions=self.regions,
            workload=Workload(records=records, agents=dict.fromkeys(self.regions, 1)),
            network=Network(
                default=Way(delay=Seconds(0.01)),
                links=tuple(Link(between=(region, OBJECTS), delay=Seconds(LEG)) for region in self.regions),
            ),
            policy=Policy(timeout=Seconds(5), failover=_NOBODY_MOVES),
            slo=Objectives(
                rpo=Seconds(self.end),
                rto=Seconds(self.end),
                lag_p95=Seconds(self.end),
                convergence=Seconds(90),
                latency_p95=Seconds(60),
            ),
            faults=tuple(self.faults()),
            script=tuple(acts),
            design=self.protocol.name,
        )

    def acts(self) -> Iterator[Act]:
        for step in self.steps:
            at, given = Seconds(step.at), step.given
            match step.action:
                case "write":
                    yield Submit(at=at, region=given["n"], record=_number(given["k"]))
                case "seal":
                    yield from self._filler(step)
                    yield Ship(at=at, region=given["n"])
                case "upload":
                    yield from self._filler(step)
                    yield Ship(at=at, region=given["n"])
                case "mark_shipped" if not self._just(step, "upload"):
                    yield Ship(at=at, region=given["n"])
                case "merge" | "mark_replayed":
                    yield Replay(at=at, region=given["n"], peer=given["p"])
        yield from self._submissions()
        yield from self._rest()

    def _rest(self) -> Iterator[Act]:
        """After the path, everyone ships and replays, twice: what can still come right does."""
        for number, start in enumerate((STEP, 3 * STEP)):
            for region in self.regions:
                at = self.steps[-1].at + start + number
                yield Ship(at=Seconds(at), region=region)
                for peer in self.regions:
                    if peer != region:
                        yield Replay(at=Seconds(at + STEP), region=region, peer=peer)

    def _filler(self, step: Done) -> Iterator[Submit]:
        """Something to seal or to upload, if the path has logged nothing since the last: no real log has an empty segment."""
        before = [s for s in self.steps if s.given.get("n") == step.given["n"] and s.at < step.at]
        logged = max((s.at for s in before if s.action == "write"), default=0.0)
        closed = max((s.at for s in before if s.action == "seal"), default=0.0)
        if (closed >= logged) if step.action == "seal" else not (logged or closed):
            number = FILLER + round(step.at / STEP)
            yield Submit(at=Seconds(step.at - STEP / 2), region=step.given["n"], record=number)

    def _submissions(self) -> Iterator[Act]:
        """Each request of `ingest`, at its last step."""
        signed = {step.given["q"]: step for step in self.steps if step.action in {"append", "answer_at_once"}}
        for request, first in signed.items():
            if first.given.get("good") == "false":
                raise UnusableInput(f"{self.protocol.name}: no record of a data set is malformed, and {request} is")
            last = max(step.at for step in self.steps if step.given.get("q") == request)
            forged = first.given.get("signed") == "false"
            yield Submit(at=Seconds(last), region=self.regions[0], record=_number(first.given["k"]), forged=forged)

    def faults(self) -> Iterator[Fault]:
        yield from self._skews()
        for region in self.regions:
            yield from self._cuts(region)
        for step in self.steps:
            match step.action:
                case "store_fails":
                    yield StoreOutage(
                        id="outage",
                        start=Seconds(step.at),
                        duration=Seconds(self._until("store_returns", step.at)),
                        region=self.regions[0],
                    )
                case "crash":
                    yield RegionCrash(
                        id="crash",
                        start=Seconds(step.at),
                        duration=Seconds(self._until("restart", step.at)),
                        region=self.regions[0],
                    )
                case "lose_store" | "recover":
                    raise UnusableInput(f"{self.protocol.name}: a run cannot lose its store and keep its log")

    def _cuts(self, region: str) -> Iterator[Fault]:
        """Keep the region from the object store but for the steps that need it.

        An upload whose watermark the path does not move ends there.
        """
        begin = STEP / 2
        for step in self.steps:
            if step.given.get("n") != region or step.action not in {"upload", "mark_shipped", "merge", "mark_replayed"}:
                continue
            single = step.action == "upload" and not self._marked(step)
            if step.at - 1 > begin:
                yield self._cut(region, begin, step.at - 1)
            begin = step.at + (1.5 * LEG if single else STEP - 2)
        if begin < self.steps[-1].at:
            yield self._cut(region, begin, self.steps[-1].at + STEP)

    def _cut(self, region: str, begin: float, end: float) -> Fault:
        sides = ((region,), (OBJECTS,))
        return Partition(id=f"cut-{region}-{begin:g}", start=Seconds(begin), duration=Seconds(end - begin), sides=sides)

    def _skews(self) -> Iterator[Fault]:
        """A write that comes later with an earlier stamp comes from a region whose clock is behind."""
        writes = [step for step in self.steps if step.action == "write"]
        for region in self.regions:
            behind = [
                late.at - early.at
                for early in writes
                for late in writes
                if late.at > early.at
                and late.given["n"] == region
                and _number(late.given["s"]) < _number(early.given["s"])
            ]
            if behind:
                offset = Seconds(-max(behind) - STEP - CONSTANTS.clock.max_ahead_seconds)
                yield ClockSkew(
                    id=f"skew-{region}", start=Seconds(0), duration=Seconds(self.end), region=region, offset=offset
                )

    def _marked(self, upload: Done) -> bool:
        """Whether the path goes on to move the watermark of shipping past what was uploaded."""
        return any(
            step.action == "mark_shipped" and step.given["n"] == upload.given["n"] and step.at > upload.at
            for step in self.steps
        )

    def _just(self, step: Done, action: str) -> bool:
        return any(s.action == action and s.given.get("n") == step.given["n"] and s.at < step.at for s in self.steps)

    def _until(self, action: str, since: float) -> float:
        """Seconds from a moment to the next such step, or to the end of the path."""
        after = [step.at for step in self.steps if step.action == action and step.at > since]
        return min([*after, self.steps[-1].at + STEP]) - since

    def _given(self, move: Move) -> dict[str, str]:
        """The arguments by name. A region of a drill has one node, so each log is that of a region of its own."""
        parameters = self.protocol.actions[move.action].parameters
        shown = {p.name: show(p.sort, value) for p, value in zip(parameters, move.arguments, strict=True)}
        return {name: value.replace("log", "region") if name in {"n", "p"} else value for name, value in shown.items()}


def _number(element: str) -> int:
    """The position of an element: 0 for `record1`."""
    return int("".join(filter(str.isdigit, element))) - 1
