"""One run of a scenario, message by message."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

from flk.model.flow.submission import Submission
from flk.model.programs.outbox import Delivery
from flk.model.record.signing import Keyring, Signer
from flk.sim.clients.arrivals import Arrival, arrivals
from flk.sim.clients.items import Item
from flk.sim.clients.records import HandOut, Records
from flk.sim.kernel.budget import UNLIMITED, Budget
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.kernel.trace import ProgramObserver, Trace
from flk.sim.measures.hypotheses import asks_for_alerts, judged
from flk.sim.measures.slo import figures, objectives
from flk.sim.nodes.designs import DESIGNS
from flk.sim.nodes.node import Node
from flk.sim.nodes.region import Place
from flk.sim.nodes.sharing_node import node_of
from flk.sim.outcome import Delivered, Run
from flk.sim.run_loop import OnProgress, RunLoop, contents_of
from flk.sim.scenarios.limits import arrival_errors
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Act, Replay, Ship, Submit
from flk.sim.scenarios.validation import validation_errors
from flk.sim.world.network import Message
from flk.spec.collection import seldom_collected
from flk.spec.errors import UnusableInput


def simulate(
    scenario: Scenario,
    submissions: Sequence[Submission],
    keyring: Keyring,
    *,
    signer: Signer | None = None,
    seed: int | None = None,
    on_progress: OnProgress | None = None,
    trace: BinaryIO | None = None,
    observer: ProgramObserver | None = None,
    messages: Callable[[Message], None] | None = None,
    programs: Programs | None = None,
    alerts: bool = False,
    budget: Budget = UNLIMITED,
) -> Run:
    """Run a scenario on submissions, which come in the order given. The same arguments give the same run, to the last event.

    `keyring` holds the keys that signed them. A scenario with tenants, key rotations or equivocations signs records during the
    run, and needs a `signer`, whose signatures `keyring` accepts. What happens is written to `trace`; `observer` gets what the
    nodes' programs did, and `messages` every message. `alerts` are evaluated if that is asked for here or by a hypothesis. A run
    that uses up its `budget` ends there, undecided; one in which simulated time does not go on is violated.
    Raises UnusableInput for a scenario that cannot be meant, for submissions that no agent can queue, and for a missing signer.
    """
    for error in chain(validation_errors(scenario), arrival_errors(scenario)):
        raise UnusableInput(f"scenario {scenario.name!r}: {error.field}: {error.message}")
    if not submissions:
        raise UnusableInput(f"scenario {scenario.name!r}: there are no records to submit; name a source that has some")
    seed = scenario.seed if seed is None else seed
    programs = programs or (DESIGNS[scenario.design] if scenario.design else MODEL)
    records = Records(scenario, submissions, keyring, signer, seed)
    with seldom_collected():
        loop = RunLoop(
            scenario,
            records,
            seed=seed,
            trace=Trace(trace, observer),
            programs=programs,
            messages=messages,
            alerts=alerts or asks_for_alerts(scenario),
            budget=budget,
        )
        loop.play(MessageTier(loop, records, len(submissions)), contents_of(submissions), on_progress)
        return outcome(loop, len(submissions))


class MessageTier:
    """Requests one by one: agents are given records as the workload or the script says."""

    def __init__(self, loop: RunLoop, records: Records, submissions: int) -> None:
        self._loop = loop
        self._records = records
        self._submissions = submissions

    def new_node(self, place: Place) -> Node:
        """A node that serves requests one by one."""
        return node_of(place)

    def feed(self) -> None:
        """Let the script be played, or the arrivals of the workload come."""
        loop, scenario = self._loop, self._loop.scenario
        for number, act in enumerate(scenario.script):
            loop.simulator.after(act.at, self._act, number, act)
        if not scenario.script:
            self._await_next(
                arrivals(scenario.workload, scenario.faults, scenario.duration, self._submissions, loop.seed)
            )

    def attempts(self) -> int:
        """How many attempts of agents are over."""
        return len(self._loop.observers.recorder.attempts)

    def _act(self, number: int, act: Act) -> None:
        """Do what the script says, unless the region is down."""
        rounds = self._loop.regions[act.region].first.rounds
        match act:
            case Submit():
                agent = next(a for a in self._loop.agents if a.home == act.region)
                arrival = Arrival(act.at, f"script-{number}", act.record, agent.number, fresh=True)
                self._give(arrival, self._records.forge(arrival) if act.forged else self._records.hand_out(arrival))
            case Ship() if rounds:
                rounds.ship(f"script {number}")
            case Replay() if rounds:
                rounds.replay(act.peer, f"script {number}")

    def _await_next(self, coming: Iterator[Arrival]) -> None:
        """Wait for the next arrival: one stands in the simulator's queue at a time, however many there are."""
        arrival = next(coming, None)
        if arrival is not None:
            simulator = self._loop.simulator
            simulator.after(arrival.at - simulator.now, self._arrive, arrival, coming)

    def _arrive(self, arrival: Arrival, coming: Iterator[Arrival]) -> None:
        self._give(arrival, self._records.hand_out(arrival))
        self._await_next(coming)

    def _give(self, arrival: Arrival, handed: HandOut) -> None:
        items = self._loop.items
        item = Item(len(items), arrival, *handed)
        items.append(item)
        self._loop.agents[arrival.agent].give(item)


def outcome(loop: RunLoop, submissions: int) -> Run:
    """What a run that has been played amounts to."""
    observers, scenario = loop.observers, loop.scenario
    measures = observers.conclude(loop.world.objects, loop.items, loop.agents)
    alerts = observers.alerts()
    marks = observers.found(alerts)

    def delivered(item: Item) -> Delivered:
        settled = item.delivery in {Delivery.ACKNOWLEDGED, Delivery.DEAD}
        agent = loop.agents[item.arrival.agent].name
        return Delivered(item.arrival.submission, agent, item.region, item.response, settled)

    return Run(
        scenario=scenario,
        seed=loop.seed,
        digest=loop.world.trace.digest(),
        events=loop.simulator.events,
        submissions=submissions,
        results=observers.checks.results(),
        objectives=objectives(scenario.slo, figures(scenario, measures)),
        hypotheses=judged(scenario, marks, measures),
        alerts=alerts,
        marks=marks,
        measures=measures,
        timeline=observers.timeline(),
        entries={name: region.entries.entries for name, region in loop.regions.items()},
        deliveries=tuple(delivered(item) for item in loop.items),
    )
