"""The loop that both tiers share: a world, whoever observes it, its faults, and time that goes on to the end of the scenario.

What a tier brings is how requests come and which nodes serve them.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

from flk.model.flow.submission import Submission
from flk.model.refusal import Malformed
from flk.sim.checkers.invariants import Invariant, Together
from flk.sim.clients.agents import Agent
from flk.sim.clients.heartbeats import Heartbeats
from flk.sim.clients.items import Item
from flk.sim.clients.records import Records
from flk.sim.injection.audit_log_handlers import audit_log_handlers
from flk.sim.injection.background_handlers import background_handlers
from flk.sim.injection.injector import Injector
from flk.sim.injection.load_handlers import handlers as load_handlers
from flk.sim.injection.object_handlers import object_handlers
from flk.sim.injection.policy_handlers import policy_handlers
from flk.sim.injection.row_loss import row_loss_handlers
from flk.sim.kernel.budget import UNLIMITED, Budget, NoProgress, OutOfBudget, Watch, within
from flk.sim.kernel.engine import Simulator
from flk.sim.kernel.programs import Programs
from flk.sim.kernel.random_streams import RandomStreams
from flk.sim.kernel.remembering import once_a_frame, remembering
from flk.sim.kernel.trace import DIGEST_BYTES, Trace
from flk.sim.nodes import background
from flk.sim.nodes.node import Node
from flk.sim.nodes.policies import knowing_policies
from flk.sim.nodes.region import Place, Region, World, places_of
from flk.sim.observers import Observers
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.workload import agent_homes
from flk.sim.world.network import Message, Net
from flk.sim.world.object_faults import ObjectFaults
from flk.sim.world.observer import Part
from flk.sim.world.watched import WatchedObjects
from flk.spec.errors import UnusableInput

WHOLE = Together(Invariant.PROGRESS)
PULSE = 2000  # events between two reports of progress


class Progress(NamedTuple):
    """How far a run has come: simulated seconds of all, events, attempts of the agents that are over."""

    now: float
    duration: float
    events: int
    attempts: int


OnProgress = Callable[[Progress], None]


class Tier(Protocol):
    """What one tier does its own way."""

    def new_node(self, place: Place) -> Node:
        """What runs in a place from the start."""
        ...

    def feed(self) -> None:
        """Let the requests come, each at its moment."""
        ...

    def attempts(self) -> int:
        """How many requests have been tried so far, to be shown as progress."""
        ...


class RunLoop:
    """A run of a scenario under way, in either tier. Its parts may be read once it has been played.

    A run that uses up its `budget` is undecided, and one in which simulated time does not go on is a finding; both are stopped.
    `kinds` restricts what observes the run to some kinds of parts (None: all of them), to tell what each costs.
    """

    def __init__(
        self,
        scenario: Scenario,
        records: Records,
        *,
        seed: int,
        trace: Trace,
        programs: Programs,
        messages: Callable[[Message], None] | None = None,
        alerts: bool = False,
        kinds: tuple[type[Part], ...] | None = None,
        budget: Budget = UNLIMITED,
    ) -> None:
        self.budget = budget
        self.scenario = scenario
        self.seed = seed
        self.simulator = simulator = Simulator()
        self.regions: dict[str, Region] = {}
        self.places: dict[str, Place] = {}
        self.items: list[Item] = []
        without_policy_keys = examine = once_a_frame(remembering(records.keyring))
        if scenario.layout.policies is not None:
            examine = once_a_frame(remembering(knowing_policies(records.keyring)))
        object_faults = ObjectFaults(lambda: simulator.now, seed)
        self.observers = Observers(
            scenario, records, examine, self.regions, self.places, simulator, object_faults, alerts=alerts
        )
        observer = self.observers.observe(kinds)
        net = Net(simulator, scenario.network, scenario.regions, seed, scenario.layout)
        net.on_message = messages
        self.world = World(
            simulator,
            net,
            trace,
            WatchedObjects(observer, object_faults),
            observer,
            scenario.policy,
            programs,
            examine,
            without_policy_keys,
            seed,
            scripted=bool(scenario.script),
            streams=RandomStreams(seed),
            layout=scenario.layout,
        )
        self.regions |= {name: Region(name, self.world, self.regions) for name in scenario.regions}
        self.places |= places_of(self.regions)
        homes = agent_homes(scenario.workload.agents)
        self.agents = [
            Agent(number, f"agent.{home}.{homes[:number].count(home) + 1}", home, self.regions, self.world)
            for number, home in enumerate(homes)
        ]
        Heartbeats(self.agents, self.regions, self.world).observe(observer)

    def play(self, tier: Tier, contents: str, on_progress: OnProgress | None = None) -> None:
        """From the first event to the last; `contents` names what is submitted."""
        scenario = self.scenario
        self.world.trace.event(0.0, "run", scenario.hash, f"seed {self.seed}", contents)
        for place in self.places.values():
            background.start(place, tier.new_node)
        injector = Injector(self.world, self.regions)
        injector.extend(load_handlers(self.agents, self.items, self.regions, self.world))
        injector.extend(background_handlers(self.regions))
        injector.extend(object_handlers(self.regions, self.world.objects))
        injector.extend(row_loss_handlers(self.regions))
        injector.extend(audit_log_handlers(self.regions, self.world.objects))
        injector.extend(policy_handlers(self.regions))
        for fault in scenario.faults:
            injector.schedule(fault)
        tier.feed()

        watch = Watch(self.simulator, self.budget, PULSE)

        def report() -> None:
            watch.look()
            if on_progress is not None:
                on_progress(Progress(self.simulator.now, scenario.duration, self.simulator.events, tier.attempts()))

        def whole() -> None:
            self._go_on(report)
            report()

        checks = self.observers.checks
        try:
            within(self.budget.seconds, whole)
        except NoProgress as stuck:
            sentence = str(stuck)
            checks.require(Invariant.PROGRESS, False, "run", "event", lambda: sentence)  # noqa: FBT003
        except OutOfBudget as spent:
            checks.undecided(Invariant.PROGRESS, str(spent))
        else:
            checks.hold(WHOLE)

    def _go_on(self, report: Callable[[], None]) -> None:
        """Let everything happen, and scrape what nodes export on the way."""
        end, exporter = self.scenario.duration, self.observers.exporter
        if exporter is not None:
            for moment in exporter.moments(end):
                self.simulator.run_until(moment, PULSE, report)
                exporter.scrape()
        self.simulator.run_until(end, PULSE, report)


def contents_of(submissions: Sequence[Submission]) -> str:
    """A digest of what is submitted. Raises UnusableInput for a submission that no log can hold."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    for number, submission in enumerate(submissions, 1):
        try:
            digest.update(submission.payload())
        except Malformed as error:
            raise UnusableInput(f"record {number}: {error}") from None
    return digest.hexdigest()
