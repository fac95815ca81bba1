"""One run of a scenario."""

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import BinaryIO, NamedTuple

from flk.model.flow.submission import Submission
from flk.model.programs.outbox import Delivery
from flk.model.record.signing import Keyring, Signer
from flk.model.refusal import Malformed
from flk.sim.audience import Audience
from flk.sim.clients.agents import Agent, Item
from flk.sim.clients.arrivals import Arrival, arrivals
from flk.sim.clients.records import HandOut, Records
from flk.sim.injection.background_handlers import background_handlers
from flk.sim.injection.injector import Injector
from flk.sim.injection.load_handlers import handlers as load_handlers
from flk.sim.kernel.engine import Simulator, seldom_collected
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.kernel.random_streams import RandomStreams
from flk.sim.kernel.remembering import remembering
from flk.sim.kernel.trace import DIGEST_BYTES, Observer, Trace
from flk.sim.measures.hypotheses import asks_for_alerts, judged
from flk.sim.measures.slo import objectives
from flk.sim.nodes import background as rounds
from flk.sim.nodes.designs import DESIGNS
from flk.sim.nodes.node import Node
from flk.sim.nodes.region import Region, World
from flk.sim.observers import Judges
from flk.sim.outcome import Delivered, Run
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import Act, Replay, Ship, Submit
from flk.sim.scenarios.validation import validation_errors
from flk.sim.scenarios.workload import agent_homes
from flk.sim.world.events import WatchedObjects, Watcher
from flk.sim.world.meter import Meter
from flk.sim.world.network import Message, Net
from flk.spec.errors import UnusableInput

PULSE = 2000  # events between two reports of progress


class Progress(NamedTuple):
    """How far a run has come: simulated seconds of all, events, attempts of the agents that are over."""

    now: float
    duration: float
    events: int
    attempts: int


def simulate(
    scenario: Scenario,
    submissions: Sequence[Submission],
    keyring: Keyring,
    *,
    signer: Signer | None = None,
    seed: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    trace: BinaryIO | None = None,
    observer: Observer | None = None,
    messages: Callable[[Message], None] | None = None,
    programs: Programs | None = None,
    alerts: bool = False,
) -> Run:
    """Run a scenario on submissions, which come in the order given. The same arguments give the same run, to the last event.

    `keyring` holds the keys that signed them. A scenario with tenants, key rotations or equivocations signs records during the
    run, and needs a `signer`, whose signatures `keyring` accepts. `trace` is written what happened, `observer` is told what the
    nodes' programs did, and `messages` every message. `alerts` are evaluated if that is asked for here or by a hypothesis.
    Raises UnusableInput for a scenario that cannot be meant, for submissions that no agent can queue, and for a missing signer.
    """
    for error in validation_errors(scenario):
        raise UnusableInput(f"scenario {scenario.name!r}: {error.field}: {error.message}")
    if not submissions:
        raise UnusableInput(f"scenario {scenario.name!r}: there are no records to submit; name a source that has some")
    seed = scenario.seed if seed is None else seed
    programs = programs or (DESIGNS[scenario.design] if scenario.design else MODEL)
    records = Records(scenario, submissions, keyring, signer, seed)
    with seldom_collected():
        told = Trace(trace, observer)
        return Simulation(
            scenario,
            submissions,
            records,
            seed=seed,
            trace=told,
            programs=programs,
            messages=messages,
            alerts=alerts or asks_for_alerts(scenario),
        ).run(on_progress)


class Simulation:
    """A run under way."""

    def __init__(
        self,
        scenario: Scenario,
        submissions: Sequence[Submission],
        records: Records,
        *,
        seed: int,
        trace: Trace,
        programs: Programs,
        messages: Callable[[Message], None] | None = None,
        alerts: bool = False,
    ) -> None:
        self._scenario = scenario
        self._submissions = submissions
        self._records = records
        self._seed = seed
        self._simulator = simulator = Simulator()
        self._regions: dict[str, Region] = {}
        examine = remembering(records.keyring)
        self._judges = judges = Judges(scenario, records, examine, self._regions, simulator, alerts=alerts)
        audience = (self.audience(judges.watchers),)
        objects = WatchedObjects(audience)
        net = Net(simulator, scenario.network, scenario.regions, seed)
        net.heard = messages
        self._world = World(
            simulator,
            net,
            trace,
            objects,
            audience,
            scenario.policy,
            programs,
            examine,
            seed,
            scripted=bool(scenario.script),
            streams=RandomStreams(seed),
            layout=scenario.layout,
            marks=judges.marks,
            meter=judges.exporter or Meter(),
        )
        self._regions |= {name: Region(name, self._world, self._regions) for name in scenario.regions}
        self._agents = self._homed_agents()
        self._items: list[Item] = []

    def run(self, on_progress: Callable[[Progress], None] | None) -> Run:
        """From the first event to the verdict."""
        self.play(on_progress)
        return self._finish()

    def play(self, on_progress: Callable[[Progress], None] | None) -> None:
        """From the first event to the last."""
        self._world.trace.event(0.0, "run", self._scenario.hash, f"seed {self._seed}", _contents(self._submissions))
        for region in self._regions.values():
            rounds.start(region, self.new_node)
        injector = Injector(self._world, self._regions)
        injector.extend(load_handlers(self._agents, self._items, self._regions, self._world))
        injector.extend(background_handlers(self._regions))
        for fault in self._scenario.faults:
            injector.schedule(fault)
        for number, act in enumerate(self._scenario.script):
            self._simulator.after(act.at, partial(self._act, number, act))
        if not self._scenario.script:
            self._feed()
        self._go_on(self._scenario.duration, on_progress)
        self._report(on_progress)

    def _go_on(self, end: float, on_progress: Callable[[Progress], None] | None) -> None:
        """Let happen what happens by then, and scrape what nodes export on the way."""

        def report() -> None:
            self._report(on_progress)

        exporter = self._judges.exporter
        if exporter is not None:
            for moment in exporter.moments(end):
                self._simulator.run_until(moment, PULSE, report)
                exporter.scrape()
        self._simulator.run_until(end, PULSE, report)

    def audience(self, watchers: Sequence[Watcher]) -> Watcher:
        """Who is told what happens."""
        return Audience(watchers)

    def new_node(self, region: Region) -> Node:
        """What runs in a region from the start."""
        return Node(region)

    def _homed_agents(self) -> list[Agent]:
        homes = agent_homes(self._scenario.workload.agents)
        names = [f"agent.{home}.{homes[:number].count(home) + 1}" for number, home in enumerate(homes)]
        return [
            Agent(number, name, home, self._regions, self._world)
            for number, (name, home) in enumerate(zip(names, homes, strict=True))
        ]

    def _act(self, number: int, act: Act) -> None:
        """Do what the script says, unless the region is down."""
        rounds_ = self._regions[act.region].rounds
        match act:
            case Submit():
                agent = next(a for a in self._agents if a.home == act.region)
                arrival = Arrival(act.at, f"script-{number}", act.record, agent.number, fresh=True)
                self._give(arrival, self._records.forge(arrival) if act.forged else self._records.hand_out(arrival))
            case Ship() if rounds_:
                rounds_.ship(f"script {number}")
            case Replay() if rounds_:
                rounds_.replay(act.peer, f"script {number}")

    def _feed(self) -> None:
        """Give the agents their work, each arrival at its moment."""
        scenario = self._scenario
        coming = arrivals(scenario.workload, scenario.faults, scenario.duration, len(self._submissions), self._seed)

        def await_next() -> None:
            arrival = next(coming, None)
            if arrival is not None:
                self._simulator.after(arrival.at - self._simulator.now, lambda: arrive(arrival))

        def arrive(arrival: Arrival) -> None:
            self._give(arrival, self._records.hand_out(arrival))
            await_next()

        await_next()

    def _give(self, arrival: Arrival, handed: HandOut) -> None:
        item = Item(len(self._items), arrival, *handed)
        self._items.append(item)
        self._agents[arrival.agent].give(item)

    def _report(self, on_progress: Callable[[Progress], None] | None) -> None:
        if on_progress is not None:
            simulator = self._simulator
            attempts = len(self._judges.recorder.attempts)
            on_progress(Progress(simulator.now, self._scenario.duration, simulator.events, attempts))

    def _finish(self) -> Run:
        judges = self._judges
        homes = {agent.name: agent.home for agent in self._agents}
        measures = judges.conclude(self._world.objects, self._items, homes)
        alerts = judges.alerts()
        marks = judges.found(alerts)
        return Run(
            scenario=self._scenario,
            seed=self._seed,
            digest=self._world.trace.digest(),
            events=self._simulator.events,
            submissions=len(self._submissions),
            results=judges.checks.results(),
            objectives=objectives(self._scenario, measures),
            hypotheses=judged(self._scenario, marks, measures),
            alerts=alerts,
            marks=marks,
            measures=measures,
            timeline=judges.timeline(),
            entries={name: region.entries.entries for name, region in self._regions.items()},
            deliveries=tuple(self._delivered(item) for item in self._items),
        )

    def _delivered(self, item: Item) -> Delivered:
        settled = item.delivery in {Delivery.ACKNOWLEDGED, Delivery.DEAD}
        agent = self._agents[item.arrival.agent].name
        return Delivered(item.arrival.submission, agent, item.region, item.response, settled)


def _contents(submissions: Sequence[Submission]) -> str:
    """A digest of what is submitted. Raises UnusableInput for a submission that no log can hold."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for number, submission in enumerate(submissions, 1):
        try:
            digest.update(submission.payload())
        except Malformed as error:
            raise UnusableInput(f"record {number}: {error}") from None
    return digest.hexdigest()
