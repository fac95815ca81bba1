"""All that observes a run: what checks it, what records it, what notes the coverage marks that it comes to."""

from collections.abc import Mapping, Sequence

from flk.model.programs.examine import Examine
from flk.sim.alerts.alerts import AlertHistory, evaluated
from flk.sim.alerts.exporter import Exporter
from flk.sim.checkers.agents import AgentRules
from flk.sim.checkers.answers import AnswerRules
from flk.sim.checkers.audit import AuditRules
from flk.sim.checkers.audit_logs import AuditLogRules
from flk.sim.checkers.availability import AvailabilityRules
from flk.sim.checkers.backlog import Backlog
from flk.sim.checkers.clocks import ClockRules
from flk.sim.checkers.convergence import Agreement
from flk.sim.checkers.divergence import DivergenceRules
from flk.sim.checkers.final_state import ending, judge_acknowledged, judge_outcomes
from flk.sim.checkers.invariants import Checks, Invariant, without
from flk.sim.checkers.migration import MigrationRules
from flk.sim.checkers.node import NodeRules, Reference
from flk.sim.checkers.policies import PolicyRules
from flk.sim.checkers.recovery import RecoveryRules
from flk.sim.checkers.second_opinion import SecondOpinions, notary_of
from flk.sim.checkers.shared_store import SharedStoreRules
from flk.sim.checkers.shipping import ShippingRules
from flk.sim.checkers.statements import Statements
from flk.sim.checkers.tiers import TierRules
from flk.sim.checkers.timekeeping import TimeRules
from flk.sim.clients.agents import Agent
from flk.sim.clients.items import Item
from flk.sim.clients.records import Records
from flk.sim.kernel.engine import Simulator
from flk.sim.measures.audit import AuditRecorder
from flk.sim.measures.audit_logs import AuditLogRecorder
from flk.sim.measures.costs import CostRecorder
from flk.sim.measures.hypotheses import found
from flk.sim.measures.measures import Measures, measure
from flk.sim.measures.recorder import Recorder
from flk.sim.measures.replication import Replication
from flk.sim.measures.stores import StoreRecorder
from flk.sim.measures.timeline import Moment, timeline
from flk.sim.nodes.region import Place, Region
from flk.sim.scenarios.scenario import Scenario
from flk.sim.world.clocks import calm
from flk.sim.world.coverage_marks import CoverageMarks, MarkIntervals
from flk.sim.world.object_faults import ObjectFaults
from flk.sim.world.observer import Observer, Part
from flk.sim.world.watched import WatchedObjects


class Observers:
    """The parts that observe one run. What the scenario's layout has no occasion for is left out.

    `examine` is how the nodes examine submissions, and `regions` and `places`, those of the nodes, may be filled later.
    """

    def __init__(
        self,
        scenario: Scenario,
        records: Records,
        examine: Examine,
        regions: Mapping[str, Region],
        places: Mapping[str, Place],
        simulator: Simulator,
        object_faults: ObjectFaults,
        *,
        alerts: bool,
    ) -> None:
        layout, policy = scenario.layout, scenario.policy
        whole_by = calm(scenario.faults) + 2 * float(policy.check_interval + policy.check_round)
        absent = without(layout) | ({Invariant.OBJECTS_WHOLE} if whole_by >= scenario.duration else set())
        self.checks = Checks(lambda: simulator.now, absent=absent)
        self.recorder = Recorder(scenario.regions, simulator, regions)
        self._replication = Replication(scenario.regions, simulator)
        self._costs = CostRecorder()
        self.marks = CoverageMarks(simulator)
        self.exporter = Exporter(places, simulator) if alerts else None
        self._scenario = scenario
        self._examine = examine
        self._regions = regions
        bound = scenario.slo.convergence
        backlog = Backlog(scenario.faults, float(policy.retry.timeout_seconds), simulator)
        self._agreement = Agreement(
            scenario.regions,
            scenario.faults,
            bound,
            backlog,
            simulator,
            self.checks,
            snapshots=scenario.layout.upkeep is not None,
        )
        reference = Reference(examine)
        shared = layout.nodes > 1
        statements = Statements(regions, shared=shared)
        self._node_rules = NodeRules(regions, places, reference, statements, self.checks)
        self._agents = AgentRules(scenario, backlog, simulator, self.checks)
        self._audit_log = AuditLogRecorder(scenario, regions, simulator)
        self._audit = AuditRecorder(scenario.regions, simulator)
        layout, calm_at = scenario.layout, calm(scenario.faults)
        self._audit_rules = AuditRules(regions, layout.audit, self.checks, lambda: simulator.now, calm_at)
        self._migration_rules = MigrationRules(
            regions, layout.migration, reference, self.checks, lambda: simulator.now, calm_at
        )
        self._tier_rules = TierRules(regions, layout.tiers, self.checks, lambda: simulator.now, calm_at)
        self._stores = StoreRecorder(regions, simulator)
        self._availability = AvailabilityRules(scenario, places, self.checks)
        answers = AnswerRules(regions, reference, statements, self.checks, records.forgeries)
        notary = notary_of(records.keyring)
        policies = PolicyRules(places, scenario.faults, self.checks)
        opinions = () if notary is None else (SecondOpinions(statements, notary, policies, self.checks),)
        layout = scenario.layout
        self._audit_log_rules = AuditLogRules(scenario, regions, notary, policies, self.checks, lambda: simulator.now)
        clocks = ClockRules(
            regions,
            places,
            scenario.faults,
            simulator,
            self.checks,
            defers=layout.tiers is not None,
            shared=shared,
        )
        self._shipping = shipping = ShippingRules(
            regions,
            places,
            object_faults,
            reference,
            self.checks,
            now=lambda: simulator.now,
            forgets=layout.tiers is not None,
            snapshots=layout.upkeep is not None,
            whole_by=whole_by,
        )
        divergence = DivergenceRules(regions, self.checks, lambda: simulator.now)
        self.parts: tuple[Part, ...] = (
            *((statements, SharedStoreRules(places, self.checks)) if shared else ()),
            self._node_rules,
            answers,
            self._agents,
            clocks,
            TimeRules(places, simulator, self.checks),
            *((policies,) if layout.policies else ()),
            *opinions,
            self._availability,
            shipping,
            divergence,
            RecoveryRules(places, scenario.faults, self.checks, lambda: simulator.now),
            backlog,
            self._agreement,
            self.recorder,
            self._replication,
            self._costs,
            self.marks,
            *((self._audit_rules, self._audit) if layout.audit else ()),
            *((self._audit_log_rules, self._audit_log) if layout.audit_log else ()),
            *((self._migration_rules,) if layout.migration else ()),
            *((self._stores,) if layout.has_stores else ()),
            *((self._tier_rules,) if layout.tiers else ()),
            *((self.exporter,) if self.exporter else ()),
        )

    def observe(self, kinds: tuple[type[Part], ...] | None = None) -> Observer:
        """An observer with the handlers of all parts, or of those of some kinds."""
        observer = Observer()
        for part in self.parts:
            if kinds is None or isinstance(part, kinds):
                part.observe(observer)
        return observer

    def conclude(self, objects: WatchedObjects, items: Sequence[Item], agents: Sequence[Agent]) -> Measures:
        """Judge what can be judged only at the end, and measure the run."""
        self._agreement.finish()
        end = ending(self._regions, objects, self._agreement)
        promises = self._node_rules.acknowledged
        lost = judge_acknowledged(end, promises, self.recorder.gone, self.checks)
        self._shipping.finish(objects.objects)
        self._agents.finish({agent.number: agent.outbox() for agent in agents})
        forgets = self._scenario.layout.tiers is not None
        acknowledged = {  # one earlier than all that nodes are held to was let go when its window was over
            key: promise
            for key, promise in self._agents.promises().items()
            if not forgets or (key in promises and promises[key] <= promise)
        }
        judge_acknowledged(end, acknowledged, self.recorder.gone, self.checks, Invariant.CONSERVED)
        self._audit_rules.finish()
        if self._scenario.layout.audit_log is not None:
            self._audit_log_rules.finish()
        self._migration_rules.finish()
        self._availability.finish()
        self._tier_rules.finish()
        judge_outcomes(end, self._examine, self._agreement.may_keep, self.checks)
        return measure(
            self._scenario,
            recorder=self.recorder,
            replication=self._replication,
            costs=self._costs.costs(sum(map(len, objects.objects.values()))),
            agreement=self._agreement,
            items=items,
            homes={agent.name: agent.home for agent in agents},
            entries={name: region.entries.entries for name, region in self._regions.items()},
            lost=lost,
            audit=self._audit,
            audit_logs=self._audit_log,
            stores=self._stores,
        )

    def alerts(self) -> tuple[AlertHistory, ...]:
        """Every alert of the table, if somebody asked for them."""
        if self.exporter is None:
            return ()
        return evaluated(self.exporter.database, self._scenario.faults, self._scenario.duration)

    def found(self, alerts: Sequence[AlertHistory]) -> MarkIntervals:
        """When each mark held."""
        return found(self.marks, self.recorder.attempts, self._agreement.changes, alerts)

    def timeline(self) -> tuple[Moment, ...]:
        """The run as a list of moments."""
        return timeline(self._scenario.faults, self.recorder.moments, self.recorder.moves, self._agreement.caught_up)
