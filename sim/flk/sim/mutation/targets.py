"""What of Python is mutated: the lab's own modules that implement requirements, and the programs of users."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

from flk.formal.mutation.check import Check
from flk.formal.mutation.mutant import unmutated
from flk.formal.mutation.target import Target, digest_of
from flk.sim.experiments.run_inputs import programs_named
from flk.sim.mutation.checks import SEEDS, Drills, Hunting, Runs, Traces, Types, UnitProperties
from flk.sim.mutation.mutants import mutants_of
from flk.sim.mutation.unit_tests import SLOW, others_of

PRELOAD = (
    "numpy",
    "scipy.stats",
    "simpy",
    "matplotlib.pyplot",
    "joblib",
    "hypothesis",
    "pytest",
    "networkx",
    "z3",
    "mypy.api",
)
"""What checks import that no mutant is in."""


@dataclass(frozen=True)
class Part:
    """Modules of one package that are mutated: all but a few, or only some."""

    kind: str
    package: str
    modules: tuple[str, ...]


PARTS = (
    Part(
        "programs",
        "flk.model.programs",
        (
            "audit",
            "behind",
            "bounded",
            "checkpoint",
            "compare",
            "divergence",
            "enqueue",
            "erase",
            "evidence",
            "examine",
            "feed",
            "ingest",
            "integrate",
            "lose",
            "mend",
            "migration",
            "monitor",
            "outbox",
            "proofs",
            "propose",
            "publish",
            "put_back",
            "recall",
            "reconcile",
            "recover",
            "repair",
            "replay",
            "restore",
            "retain",
            "rotate",
            "rule",
            "ship",
            "show",
            "snapshot",
            "start",
            "stream",
            "tiering",
            "watermarks",
        ),
    ),
    Part(
        "entries",
        "flk.model.entries",
        (
            "cold",
            "compared",
            "entry",
            "judgement",
            "migration",
            "proposals",
            "ring",
            "rotten",
            "scrutiny",
            "snapshot",
            "tasks",
            "tiers",
        ),
    ),
    Part(
        "flow",
        "flk.model.flow",
        ("admission", "answers", "breaker", "outbox", "pressure", "quota", "sending", "submission", "tenants"),
    ),
    Part("log", "flk.model.log", ("frames", "hlc", "manifest")),
    Part("policies", "flk.model.policies", ("document", "reading", "ruling", "signing", "trust")),
    Part("record", "flk.model.record", ("canonical", "identity", "merkle", "record", "signals", "signing", "summary")),
    Part(
        "transparency",
        "flk.model.transparency",
        ("checkpoints", "earlier", "edge", "leaves", "notes", "steps", "tiles"),
    ),
    Part("vrf", "flk.model.vrf", ("ecvrf", "edwards25519")),
    Part("parts", "flk.model.memory", ("memory", "migrated", "parts", "rotten", "tiered")),
    Part("nodes", "flk.sim.nodes", ("admission", "breakers", "log_device", "migration", "tiers", "workers")),
    Part("agents", "flk.sim.clients", ("agents",)),
)
"""The lab's own Python that is mutated."""
HAVING = {
    "upkeep": (
        "programs.behind",
        "programs.compare",
        "programs.evidence",
        "programs.propose",
        "programs.publish",
        "programs.reconcile",
        "programs.retain",
        "programs.snapshot",
        "programs.start",
        "entries.compared",
        "entries.proposals",
        "entries.snapshot",
    ),
    "audit_log": (
        "programs.checkpoint",
        "programs.integrate",
        "programs.monitor",
        "programs.proofs",
        "programs.stream",
        "record.merkle",
        "transparency.checkpoints",
        "transparency.edge",
        "transparency.leaves",
        "transparency.notes",
        "transparency.steps",
        "transparency.tiles",
    ),
    "policies": (
        "programs.rule",
        "policies.document",
        "policies.reading",
        "policies.ruling",
        "policies.signing",
        "policies.trust",
    ),
}
"""Modules of the model whose mutants are hunted in worlds that have something, since nodes come to little of them elsewhere."""
TESTS = tuple(f"tests/{folder}/**/test_*.py" for folder in ("model", "sim/nodes", "sim/checkers", "sim/injection"))


def lab_targets(root: Path, seeds: range = SEEDS, more: tuple[Check, ...] = ()) -> tuple[Target, ...]:
    """A target for each of the lab's modules; `root` is the directory of its sources, where the tests are. `more` are checks that
    other rooms have for the model, quicker than hunting.
    """
    names = tuple(f"{part.package}.{module}" for part in PARTS for module in part.modules)
    plain = Runs(seeds, "", names, digest_of(_sources(*_rooms())))
    asked = {
        f"flk.model.{module}": replace(plain, having=(having,))
        for having, modules in HAVING.items()
        for module in modules
    }
    types, tests, drills = Types(root), UnitProperties(root, TESTS, plain), Drills(plain)
    slow = replace(tests, name="slow-properties", marked=SLOW)
    others = replace(tests, name="room-properties", chosen=others_of)

    def prepare(module: str, runs: Runs, chosen: frozenset[str]) -> None:
        if not chosen.isdisjoint({Traces.name, Hunting.name}):
            runs.baseline()
        if drills.name in chosen:
            drills.reached()
        for each in (tests, slow, others):
            if each.name in chosen:
                each.tested(module)

    def target(part: Part, module: str) -> Target:
        name = f"{part.package}.{module}"
        runs = asked.get(name, plain)
        checks: tuple[Check, ...] = (types, *more, Traces(runs), tests, drills, slow, others, Hunting(runs))
        common = frozenset(check.name for check in checks) - {types.name, tests.name, slow.name, others.name}
        room = part.package.split(".")[1]
        return _target(name, room, part.kind, checks, runs, partial(prepare, name, runs), common)

    return tuple(target(part, module) for part in PARTS for module in part.modules)


def user_target(named: str, seeds: range = SEEDS) -> Target:
    """The module that programs stand in, `MODULE:NAME` or `FILE.py:NAME` as for a hunt: how good are the invariants?

    Raises UnusableInput for programs that cannot be used.
    """
    where, _, name = named.rpartition(":")
    if where.endswith(".py"):  # by its name, so that the mutant can take its place
        sys.path.insert(0, str(Path(where).resolve().parent))
        where = Path(where).stem
    programs_named(f"{where}:{name}")
    file = Path(str(import_module(where).__file__))
    runs = Runs(seeds, f"{where}:{name}", (where,), digest_of([file, *_sources(*_rooms())]))
    return _target(where, "yours", "programs", (Traces(runs), Hunting(runs)), runs, lambda _: runs.baseline())


def _target(
    module: str,
    room: str,
    kind: str,
    checks: tuple[Check, ...],
    runs: Runs,
    prepare: Callable[[frozenset[str]], object],
    common: frozenset[str] = frozenset(),
) -> Target:
    file = Path(str(import_module(module).__file__))
    original = unmutated(module, str(file), file.read_text())
    return Target(
        module, room, kind, lambda: mutants_of(module), checks, original, runs.digest, (), PRELOAD, prepare, common
    )


def _rooms() -> list[Path]:
    """Where the code is that runs depend on."""
    return [Path(str(import_module(f"flk.{room}").__file__)).parent for room in ("spec", "model", "formal", "sim")]


def _sources(*roots: Path) -> Iterable[Path]:
    return (file for root in roots for suffix in ("py", "toml") for file in root.rglob(f"*.{suffix}"))
