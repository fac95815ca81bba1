"""Trace validation of runs: whether what the nodes did is a path of every protocol that the run belongs to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import BinaryIO, TypeAlias, TypedDict, Unpack

import msgspec

from flk.formal.language.protocol import Protocol
from flk.formal.library.catalogue import find
from flk.formal.traces import Accepted, Rejected, Undecided, Validation, validate
from flk.formal.traces.relaxations import unlimited
from flk.model.flow.submission import Submission
from flk.model.protocol_events.audit import audit_events
from flk.model.protocol_events.ingest import ingest_events
from flk.model.protocol_events.migration import migration_events
from flk.model.protocol_events.observation import ObservedEffect, ProtocolEvent, nodes_of
from flk.model.protocol_events.replication import replication_events
from flk.model.protocol_events.shared_store import shared_store_events
from flk.model.protocol_events.tiering import tiering_events
from flk.model.record.signing import Keyring, Signer
from flk.sim.checkers.invariants import Result, Violation
from flk.sim.kernel.budget import Budget
from flk.sim.kernel.programs import Programs
from flk.sim.outcome import Run
from flk.sim.run_loop import OnProgress
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.sim.world.network import Message
from flk.spec.verdict import Verdict, worst

ACCEPTED = "trace-accepted"
STATEMENT = "what the nodes did is a path of every protocol that it belongs to"

Records: TypeAlias = Callable[[], Iterable[ObservedEffect]]


class RunOptions(TypedDict, total=False):
    """The options of `simulate` that a validated run takes too."""

    signer: Signer | None
    seed: int | None
    on_progress: OnProgress | None
    trace: BinaryIO | None
    messages: Callable[[Message], None] | None
    programs: Programs | None
    alerts: bool
    budget: Budget


def validated(
    scenario: Scenario, submissions: Sequence[Submission], keyring: Keyring, **options: Unpack[RunOptions]
) -> Run:
    """A run with one more row among its invariants: whether its trace was accepted. `options` are those of `simulate`."""
    records: list[ObservedEffect] = []
    run = simulate(scenario, submissions, keyring, observer=records.append, **options)
    return run._replace(results=(*run.results, judged(followed(records, scenario), scenario.duration)))


def followed(records: Sequence[ObservedEffect], scenario: Scenario) -> dict[str, Validation]:
    """What becomes of the events of a run in each protocol, by the protocol's name and what the trace is of.

    `records` are what the observer of a run got, from its beginning. A trace without events is left out.
    """
    verdicts = {}
    for name, subject, events in _traces(records, scenario):
        listed = list(events)
        if listed:
            title = f"{name} of {subject}"
            verdicts[title] = validate(_protocol(name), map(msgspec.json.encode, listed), title)
    return verdicts


def _traces(
    records: Sequence[ObservedEffect], scenario: Scenario
) -> Iterator[tuple[str, str, Iterator[ProtocolEvent]]]:
    """The protocols that a run belongs to, what each trace is of, and its events.

    A node with tiers turns single claims away and goes on with others (TIR-3), of which only `tiering` knows. What one of several
    nodes with one store does is a path only beside what the others do.
    """
    layout = scenario.layout
    if layout.nodes > 1:
        for region in scenario.regions:
            yield "shared-store", region, shared_store_events(each for each in records if each.region == region)
        return
    stores = [
        node for node in nodes_of(records) if node.rpartition(".")[0] in scenario.regions
    ]  # not workers, migrators

    def again() -> Sequence[ObservedEffect]:
        return records

    for node in stores:
        if layout.tiers is None:
            yield "ingest", node, ingest_events(node, again)
        else:
            yield "tiering", node, tiering_events(node, again)
        if layout.migration is not None:
            yield "migration", node, migration_events(node, again)
    if layout.audit is not None:
        for region in scenario.regions:
            yield "audit", region, audit_events(region, again)
    if layout.tiers is None:
        yield "replication", "all regions", replication_events(again)


def judged(verdicts: Mapping[str, Validation], at: float) -> Result:
    """The verdicts as one row beside the invariants of a run that ended at `at`; without any events it is undecided."""
    checks = sum(verdict.events for verdict in verdicts.values() if isinstance(verdict, Accepted))
    broken = [
        Violation(ACCEPTED, at, subject, verdict.event, explain(verdict))
        for subject, verdict in verdicts.items()
        if isinstance(verdict, Rejected)
    ]
    unclear = [verdict for verdict in verdicts.values() if isinstance(verdict, Undecided)]
    open_ = [Verdict.UNDECIDED] if unclear or not verdicts else []
    outcome = worst([*([Verdict.VIOLATED] if broken else []), *open_])
    return Result(ACCEPTED, STATEMENT, checks, len(broken), outcome, tuple(broken))


def explain(verdict: Rejected) -> str:
    """Why an event is not possible, with the guard that is false, what it read, and the nearest step that would have been."""
    parts = [f"{verdict.event} is not possible after {verdict.accepted} events"]
    for reason in verdict.reasons[:1]:
        read = ", ".join(f"{place} = {value}" for place, value in reason.values)
        parts.append(
            f"{reason.what} is {'false' if reason.kind == 'guard' else reason.kind}{f' ({read})' if read else ''}"
        )
    if verdict.note:
        parts.append(f"seen in {verdict.note}")
    if verdict.nearest:
        parts.append(f"possible there: {verdict.nearest[0]}")
    return "; ".join(parts)


@cache
def _protocol(name: str) -> Protocol:
    return unlimited(find(name))
