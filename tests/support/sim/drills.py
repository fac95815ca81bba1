"""Small scenarios and records for the simulator's tests."""

from collections.abc import Sequence

from tests.support.model.world import KEY, KEYRING, pcs, submission

from flk.model.flow.submission import Submission
from flk.sim.clients.records import Records
from flk.sim.kernel.programs import MODEL, Programs
from flk.sim.kernel.trace import Trace
from flk.sim.outcome import Run
from flk.sim.run_loop import RunLoop
from flk.sim.scenarios.duration import Seconds
from flk.sim.scenarios.faults import Fault
from flk.sim.scenarios.policy import Objectives, Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Network, Path
from flk.sim.scenarios.workload import Workload
from flk.sim.simulate import simulate
from flk.spec.verdict import Verdict

REGIONS = ("eu", "us", "ap")
BRISK = Policy(ship_interval=Seconds(5), replay_interval=Seconds(5), divergence_interval=Seconds(10))
QUICK = Network(default=Path(delay=Seconds(0.02), jitter=Seconds(0.01)))
EASY = Objectives(rpo=Seconds(1000), rto=Seconds(1000), lag_p95=Seconds(1000), latency_p95=Seconds(60))


def records(number: int) -> list[Submission]:
    """Honest, distinct, signed records."""
    return [submission(pcs(epoch=epoch)) for epoch in range(number)]


def drill(
    *faults: Fault,
    duration: float = 180,
    rate: float = 2.0,
    until: float = 60,
    duplicates: float = 0.2,
    policy: Policy = BRISK,
    network: Network = QUICK,
    slo: Objectives = EASY,
) -> Scenario:
    """Three regions, two agents near each, two records a second for a minute, and two minutes to come to rest."""
    agents = dict.fromkeys(REGIONS, 2)
    return Scenario(
        name="drill",
        description="",
        duration=Seconds(duration),
        regions=REGIONS,
        workload=Workload(records="", rate=rate, agents=agents, until=Seconds(until), duplicates=duplicates),
        network=network,
        policy=policy,
        slo=slo,
        faults=faults,
    )


def rehearse(
    scenario: Scenario, submissions: Sequence[Submission] = (), *, seed: int = 1, programs: Programs = MODEL
) -> Run:
    """A run of a scenario, on two hundred honest records unless others are given."""
    return simulate(scenario, submissions or records(200), KEYRING, seed=seed, programs=programs)


def prepared(scenario: Scenario) -> RunLoop:
    """A run that is about to begin, with all its parts."""
    made = Records(scenario, records(200), KEYRING, KEY, scenario.seed)
    return RunLoop(scenario, made, seed=scenario.seed, trace=Trace(), programs=MODEL)


def verdicts(run: Run) -> dict[str, Verdict]:
    """The invariants of a run that did not simply hold."""
    return {row.invariant: row.verdict for row in run.results if row.verdict is not Verdict.HOLDS}
