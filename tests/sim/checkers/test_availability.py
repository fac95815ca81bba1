"""Nobody is turned away without a reason, and a node that nothing keeps from it serves again."""

from collections.abc import Callable

import pytest

from flk.model.effects import CaughtUp, Effect, Program
from flk.model.flow.submission import Response, Submission, refuse
from flk.model.programs.examine import Examine
from flk.model.programs.recover import Recovery, recover
from flk.model.refusal import Overloaded, Refused, TooLarge
from flk.sim.checkers.invariants import Invariant
from flk.sim.experiments.rows import violated
from flk.sim.experiments.run_inputs import Task, execute, synthetic_inputs
from flk.sim.experiments.swarm import swarm
from flk.sim.experiments.worlds import RECORDS
from flk.sim.kernel.programs import MODEL, Programs

SEED = 1


def turning_away(refusal: Callable[[], Refused]) -> Programs:
    """Programs whose nodes turn every submission away."""

    def ingest(submission: Submission, region: str, examine: Examine) -> Program[Response]:
        del submission, region, examine
        yield from ()
        return refuse(refusal())

    return MODEL._replace(ingest=ingest)


def never_level(region: str, examine: Examine) -> Program[Recovery]:
    """Recovery that does all but say that the store is level with the log."""
    program = recover(region, examine)
    effect: Effect[object] = next(program)
    try:
        while True:
            result = None if isinstance(effect, CaughtUp) else (yield effect)
            effect = program.send(result)
    except StopIteration as stop:
        returned: Recovery = stop.value
        return returned


@pytest.mark.parametrize(
    ("programs", "invariant"),
    [
        (turning_away(lambda: TooLarge("ORD-5", "too large")), Invariant.TURNED_AWAY),
        (turning_away(lambda: Overloaded("ORD-6", "overloaded", retry_after=1)), Invariant.TURNED_AWAY),
        (MODEL._replace(recover=never_level), Invariant.READY),
    ],
)
def test_who_turns_everybody_away_is_seen(programs: Programs, invariant: Invariant) -> None:
    """Bodies within the limit are called too large, an idle node overloaded, and a node is never level with its log."""
    for seed in range(SEED, SEED + 12):
        run = execute(synthetic_inputs(RECORDS, programs), Task(swarm(seed), seed))
        if invariant in violated(run):
            return
    pytest.fail(f"{invariant} is not violated")


@pytest.mark.slow
def test_the_model_turns_nobody_away_without_a_reason() -> None:
    """In a dozen seeds both are asked, and hold."""
    checks: dict[str, int] = dict.fromkeys((Invariant.TURNED_AWAY, Invariant.READY), 0)
    for seed in range(SEED, SEED + 12):
        run = execute(synthetic_inputs(RECORDS), Task(swarm(seed), seed))
        assert not violated(run)
        for row in run.results:
            if row.invariant in checks:
                checks[row.invariant] += row.checks
    assert all(checks.values())
