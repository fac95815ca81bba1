"""One run: of a scenario, or of the string that names a run."""

from contextlib import ExitStack
from os import PathLike
from typing import Literal, SupportsIndex, overload

from flk.sim.api.inputs import AnyScenario, number_of, scenario_of
from flk.sim.api.programs import AnyPrograms, inputs_for
from flk.sim.api.result import RunResult
from flk.sim.api.vector_result import VectorResult
from flk.sim.api.vector_runs import opened, vector_run
from flk.sim.experiments.replay import parse
from flk.sim.experiments.run_inputs import RunInputs, Task, execute
from flk.sim.outcome import Run
from flk.sim.reports.run_progress import run_bar
from flk.sim.scenarios.scenario import Scenario
from flk.spec.errors import UnusableInput


@overload
def run(
    scenario: AnyScenario,
    seed: SupportsIndex | None = None,
    *,
    records: str | PathLike[str] | None = None,
    programs: AnyPrograms = None,
    validate: bool = False,
    tier: Literal["message"] = "message",
    requests: int | None = None,
    trace: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> RunResult: ...


@overload
def run(
    scenario: AnyScenario,
    seed: SupportsIndex | None = None,
    *,
    records: str | PathLike[str] | None = None,
    programs: None = None,
    validate: Literal[False] = False,
    tier: Literal["vector"],
    requests: int | None = None,
    trace: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> VectorResult: ...


def run(
    scenario: AnyScenario,
    seed: SupportsIndex | None = None,
    *,
    records: str | PathLike[str] | None = None,
    programs: AnyPrograms = None,
    validate: bool = False,
    tier: Literal["message", "vector"] = "message",
    requests: int | None = None,
    trace: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> RunResult | VectorResult:
    """Run a scenario in simulated time, with every invariant checked at every event that can break it, and every alert evaluated.

    - `scenario`: one that was built or loaded, the name of one in `library()`, or the path of a TOML file
    - `seed`: of every random stream; by default the scenario's own. The same seed gives the same run, event for event
    - `records`: `synthetic:200`, `dataset:jacksboro-fault` or a file of records in place of the scenario's own
    - `programs`: what the nodes run: `Programs`, the name of one of `DESIGNS`, `MODULE:NAME` or `FILE.py:NAME`; by default `MODEL`
    - `validate`: ask too whether what the nodes did is a path of the protocols that `flk.formal` proves
    - `tier`: `message`, or `vector` for arrays of requests: 10^8 requests in seconds, for scenarios without crashes and losses;
      then `requests` says how many come, and records never run out
    - `trace`: a file that every event is written to, as JSON lines
    - `progress`: whether there is a bar on standard error; by default in terminals and notebooks

    Raises UnusableInput for a scenario that cannot be run, which names the field and the fix.

    >>> calm = scenario("calm-hour", duration="1m").regions("eu", "us", agents=1).workload(records="synthetic:20", rate=1)
    >>> print(run(calm, seed=7).verdict)
    holds
    """
    found, chosen = scenario_of(scenario, records), number_of(seed, "seed")
    if tier == "vector":
        if programs is not None or validate:
            raise UnusableInput("programs and validate need every message; leave out tier='vector'")
        return VectorResult(vector_run(found, chosen, requests, trace=trace, progress=progress))
    if tier != "message":
        raise UnusableInput(f"tier {tier!r}: choose 'message' or 'vector'")
    if requests is not None:
        raise UnusableInput("requests is for tier='vector'; here the workload says how many come")
    inputs = inputs_for(found, programs, alerts=True, validate=validate)
    return RunResult(_message(found, chosen, inputs, trace=trace, progress=progress), inputs)


def replay(
    string: str,
    *,
    anyway: bool = False,
    validate: bool = False,
    trace: str | PathLike[str] | None = None,
    progress: bool | None = None,
) -> RunResult:
    """Make the run again that a string names: the same events, the same digest, the same verdict.

    Results say their string (`.string`), and commands print it. It holds the scenario, the seed and the name of the programs;
    `NAME:SEED` will do for a scenario of the library. `validate`, `trace` and `progress` are as those of `run`.

    Raises UnusableInput for a text that names no run, for a scenario or code that have changed since (unless `anyway`), and for a
    run with another digest than the string says.

    >>> replay("split-brain:3").seed
    3
    """
    target = parse(string)
    if target.changed and not anyway:
        raise UnusableInput(f"{target.changed}; replay it anyway (anyway=True, --anyway), which may give another run")
    inputs = inputs_for(target.scenario, target.programs or None, alerts=True, validate=validate)
    over = _message(target.scenario, target.seed, inputs, trace=trace, progress=progress)
    if target.digest and not target.changed and target.digest != over.digest:
        raise UnusableInput(f"the run is another than it was: its digest was {target.digest} and is {over.digest}")
    return RunResult(over, inputs)


def _message(
    scenario: Scenario,
    seed: int | None,
    inputs: RunInputs,
    *,
    trace: str | PathLike[str] | None,
    progress: bool | None,
) -> Run:
    with ExitStack() as stack:
        file = opened(trace, stack)
        reached = stack.enter_context(run_bar(scenario.name, progress))
        task = Task(scenario, scenario.seed if seed is None else seed)
        return execute(inputs, task, file, on_progress=reached)
