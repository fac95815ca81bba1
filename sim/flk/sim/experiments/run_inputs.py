"""What the runs of an experiment share, and one of these runs."""

import sys
from collections.abc import Callable
from functools import cached_property
from hashlib import blake2b
from inspect import getsource
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, NamedTuple

import cloudpickle  # type: ignore[import-untyped]  # it carries no types
import msgspec

from flk.model.flow.submission import Submission
from flk.model.record.signing import HmacKey, Keyring, LiveKey
from flk.sim.clients.synthetic import synthetic
from flk.sim.kernel.budget import UNLIMITED, Budget
from flk.sim.kernel.programs import Programs
from flk.sim.nodes.designs import DESIGNS
from flk.sim.outcome import Run
from flk.sim.protocol_traces import validated
from flk.sim.run_loop import OnProgress
from flk.sim.scenarios.scenario import Scenario
from flk.sim.simulate import simulate
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest
from flk.spec.users_code import run_file, run_module

SECRET = b"the key of a simulated run"


class RunInputs(msgspec.Struct, frozen=True, dict=True):
    """The records that agents are given, the secret they are signed with, and the programs if they are not the model's.

    `source` names the records as `workload.records` does, and a run of another source is refused; without it the records are those
    that the caller chose, whatever a scenario names. `named` is how `programs_named` finds the programs again; without a name a run
    of them cannot be put into a string.
    With `alerts`, the alerts of the table are evaluated in every run; with `validate`, whether what the nodes did is a path of the
    protocols.
    """

    submissions: tuple[Submission, ...]
    secret: bytes = SECRET
    programs: Programs | None = None
    named: str = ""
    alerts: bool = False
    validate: bool = False
    source: str = ""

    @cached_property
    def keyring(self) -> Keyring:
        """What the nodes verify with."""
        return Keyring({CONSTANTS.node.default_tenant: [LiveKey(self.signer)]})

    @cached_property
    def signer(self) -> HmacKey:
        """What signs records during a run."""
        return HmacKey(self.secret)

    @cached_property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that name the records, the key and the programs."""
        known = blake2b(self.secret + bytes([self.alerts]), digest_size=8)
        for program in self.programs or ():
            known.update(f"{program.__module__} {program.__qualname__}".encode())
            known.update(_source(program).encode())
        for submission in self.submissions:
            known.update(submission.payload())
        return known.hexdigest()


class Task(NamedTuple):
    """One run to be made."""

    scenario: Scenario
    seed: int

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"scenario {self.scenario.name} ({self.scenario.hash}), seed {self.seed}"


def execute(
    inputs: RunInputs,
    task: Task,
    trace: BinaryIO | None = None,
    *,
    budget: Budget = UNLIMITED,
    on_progress: OnProgress | None = None,
) -> Run:
    """Make a run, within a budget. Raises UnusableInput for a scenario that names other records than those at hand."""
    named = task.scenario.workload.records
    if inputs.source and named != inputs.source:
        raise UnusableInput(
            f"{task.label}: workload.records names {named}, and the records at hand are of {inputs.source};"
            " run each source by itself"
        )
    perform = validated if inputs.validate else simulate
    return perform(
        task.scenario,
        inputs.submissions,
        inputs.keyring,
        signer=inputs.signer,
        seed=task.seed,
        on_progress=on_progress,
        trace=trace,
        programs=inputs.programs,
        alerts=inputs.alerts,
        budget=budget,
    )


def synthetic_inputs(size: int = 200, programs: Programs | None = None, named: str = "") -> RunInputs:
    """Inputs that need no file: synthetic records."""
    return RunInputs(synthetic(size, HmacKey(SECRET)), programs=programs, named=named)


def programs_named(name: str) -> Programs:
    """The programs that the name of a refuted design, `MODULE:NAME` or `FILE.py:NAME` stands for. Raises UnusableInput."""
    if name in DESIGNS:
        return DESIGNS[name]
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise UnusableInput(
            f"{name!r} names no programs; write MODULE:NAME, FILE.py:NAME, or a refuted design: {', '.join(DESIGNS)}"
        )
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    module = _from_file(Path(where)) if where.endswith(".py") else run_module(where)
    found = getattr(module, attribute, None)
    if not isinstance(found, Programs):
        known = sorted(key for key, value in vars(module).items() if isinstance(value, Programs))
        raise UnusableInput(f"{name}: {where} has no Programs called {attribute!r}; {nearest(attribute, known)}")
    return found


def _source(program: Callable[..., object]) -> str:
    """The text of the module that a program stands in; nothing if it has none, as in an interactive session."""
    try:
        return getsource(sys.modules[program.__module__])
    except (KeyError, OSError, TypeError):
        return ""


def _from_file(path: Path) -> ModuleType:
    module = run_file(path, path.stem)
    cloudpickle.register_pickle_by_value(module)  # workers cannot import it
    return module
