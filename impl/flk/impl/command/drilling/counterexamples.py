"""What a drill is named by: a scenario, a refuted design of the gallery, or a run of the simulator.

Real nodes are to withstand what a design did not. They have the model's programs, and ship and replay at intervals: so what a
counterexample says of programs and of who does what when is left out, and what it says of wires, disks and objects stays.
"""

from typing import TYPE_CHECKING, NamedTuple

from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.formal.api.exploring import Exploration
    from flk.sim.scenarios.scenario import Scenario

GALLERY = "gallery/"
OF_COUNTEREXAMPLES = ("design", "script")
"""The settings of a counterexample that have no counterpart, and that whoever names one means to be left out."""


class Named(NamedTuple):
    """A scenario, the seed if a run was named, and what is to be known of how it came about."""

    scenario: "Scenario"
    seed: int | None = None
    notes: tuple[str, ...] = ()


def named(text: str) -> Named:
    """The scenario that is meant: by its name, a TOML file, `gallery/DESIGN`, or a replay string. Raises UnusableInput."""
    from flk.sim.api.inputs import scenario_of
    from flk.sim.experiments.replay import is_replay_string

    if text.startswith(GALLERY):
        from flk.formal.api.exploring import explore

        return _without(schedule_of(explore(text, progress=False)), None, f"the counterexample of {text}")
    if is_replay_string(text):
        from flk.sim.experiments.replay import parse

        run = parse(text)
        of = f" of {run.programs}" if run.programs else ""
        return _without(run.scenario, run.seed, f"a run of {run.scenario.name}{of} with seed {run.seed}", run.programs)
    return Named(scenario_of(text))


def schedule_of(seen: "Exploration") -> "Scenario":
    """The path to the violation that was found, as a scenario that runs the design. Raises UnusableInput if there is none."""
    from flk.sim.experiments.from_counterexample import schedule
    from flk.spec.verdict import Verdict

    paths = (f.path for f in seen.properties.values() if f.path is not None and f.verdict is Verdict.VIOLATED)
    path = next(paths, None)
    if path is None:
        raise UnusableInput(
            f"{seen.protocol.name} has no counterexample here, so nothing can be replayed; name a design"
        )
    return schedule(seen.protocol, path)


def _without(scenario: "Scenario", seed: int | None, what: str, programs: str = "") -> Named:
    """Without what only the simulator has of a counterexample, which is said."""
    from flk.impl.command.drilling.refusals import SETTINGS, without

    used = [name for name in OF_COUNTEREXAMPLES if SETTINGS[name].used(scenario)]
    said = [*([f"the programs {programs}"] if programs else []), *(f"its {name}" for name in used)]
    left = f", without {' and '.join(said)}, which only the simulator has" if said else ""
    return Named(without(scenario, used), seed, (f"{what}{left}",))
