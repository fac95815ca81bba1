"""What no change of layout, names or speed may change: digests of runs, counts of states, obligations of proofs, vectors.

`python -m tests.integration.unchanged` writes the table anew; with kinds, as `protocol design theorem`, only their rows. That is
right only when behaviour was meant to change, and the commit that does it says why.
"""

import json
import sys
from collections.abc import Callable, Collection, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

import msgspec

from flk.formal.explicit.engines.choose import choose
from flk.formal.explicit.engines.edges import graph
from flk.formal.explicit.explore import explore
from flk.formal.explicit.search import Options
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS
from flk.formal.proofs.prove import THEOREMS, prove_all
from flk.model.record.signing import HmacKey
from flk.sim.api.programs import inputs_for
from flk.sim.clients.synthetic import synthetic
from flk.sim.experiments.hunt import SearchSpace, Trial, run_trial
from flk.sim.experiments.run_inputs import RunInputs
from flk.sim.experiments.worlds import RECORDS
from flk.sim.measures.measures import Measures
from flk.sim.scenarios import files as scenario_files
from flk.sim.simulate import simulate
from flk.sim.vector.bench import scenario as fifty_faults
from flk.sim.vector.run import run as run_vector

TABLE = Path(__file__).with_name("unchanged.json")
HUNTED = range(1, 41)
"""Seeds of the hunt whose runs are in the table."""
VECTOR = {"1": 300_000, "2": 30_000, "3": 30_000}
"""Seeds of the vector tier's scenario of fifty faults, with the requests that are made."""

Row: TypeAlias = dict[str, object]
_ENCODER = msgspec.json.Encoder(enc_hook=lambda array: array.tolist())


def short(content: bytes) -> str:
    """A digest for the table."""
    return sha256(content).hexdigest()[:16]


@cache
def hunting_space() -> SearchSpace:
    """What a hunt without arguments searches."""
    return SearchSpace(RunInputs(synthetic(RECORDS, HmacKey(RunInputs(()).secret))))


def library_run(name: str) -> Row:
    """A scenario of the library under its own seed, with its alerts."""
    chosen = scenario_files.find(name)
    given = inputs_for(chosen)
    run = simulate(chosen, given.submissions, given.keyring, signer=given.signer, alerts=True)
    return {
        "scenario": chosen.hash,
        "digest": run.digest,
        "events": run.events,
        "verdict": str(run.verdict),
        "checks": short(json.dumps([[row.checks, row.violations] for row in run.results]).encode()),
        "measures": short(_ENCODER.encode(_measured(run.measures))),
        "objectives": short(json.dumps([[row.target, row.measured] for row in run.objectives]).encode()),
        "alerts": short(msgspec.json.encode([row.firings for row in run.alerts])),
    }


def _measured(measures: Measures) -> tuple[object, ...]:
    """What was measured; of audit logs, where there are any."""
    parts = zip(measures._fields, measures, strict=True)
    return tuple(part for name, part in parts if name != "audit_logs" or part)


def hunted(seed: str) -> Row:
    """One run of a hunt."""
    seen = run_trial(hunting_space(), Trial(int(seed)))
    checks = short(json.dumps([number for _, number in seen.checks]).encode())
    return {"digest": seen.digest, "events": seen.events, "verdict": str(seen.verdict), "checks": checks}


def vector_run(seed: str) -> Row:
    """Fifty faults, computed in arrays."""
    run = run_vector(fifty_faults(VECTOR[seed]), int(seed))
    checks = short(json.dumps([[row.checks, row.violations] for row in run.checks]).encode())
    return {"digest": run.digest, "events": run.events, "answered": run.answered, "checks": checks}


def protocol(name: str) -> Row:
    """A protocol at its usual sizes."""
    engine = choose("auto")
    found = explore(PROTOCOLS[name], engine.engine, engine.name, graph_of=graph)
    return {
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "layers": short(json.dumps([found.layers, found.hashes]).encode()),
        "verdicts": [str(finding.verdict) for finding in found.findings],
    }


def design(name: str) -> Row:
    """A refuted design and its shortest counterexample."""
    refuted = DESIGNS[name]
    engine = choose("auto")
    found = explore(refuted.exhibit, engine.engine, engine.name, refuted.sizes, Options(stop=True), graph_of=graph)
    broken = next(row for row in found.findings if row.property == refuted.violates)
    steps = [move.shown for move in broken.path.moves] if broken.path else []
    return {"verdict": str(broken.verdict), "path": short(json.dumps(steps).encode()), "steps": len(steps) - 1}


def theorem(name: str) -> Row:
    """A theorem, its obligations and its mutants."""
    (proof,) = prove_all((name,))
    return {
        "verdict": str(proof.status),
        "obligations": len(proof.obligations),
        "witnesses": len(proof.witnesses),
        "refuted mutants": sum(str(mutant.status) == "refuted" for mutant in proof.mutants),
    }


def vectors(name: str) -> Row:
    """A file of vectors of the specification."""
    content = files("flk.spec").joinpath("vectors", name).read_bytes()
    return {"sha256": sha256(content).hexdigest()}


KINDS: Mapping[str, tuple[Callable[[str], Row], tuple[str, ...]]] = {
    "run": (library_run, tuple(sorted(scenario_files.library()))),
    "hunt": (hunted, tuple(map(str, HUNTED))),
    "vector tier": (vector_run, tuple(VECTOR)),
    "protocol": (protocol, tuple(PROTOCOLS)),
    "design": (design, tuple(DESIGNS)),
    "theorem": (theorem, tuple(THEOREMS)),
    "vectors": (vectors, tuple(sorted(file.name for file in files("flk.spec").joinpath("vectors").iterdir()))),
}
"""What the table has rows of: how a row is made, and the names."""


def main(chosen: Collection[str] = ()) -> None:
    """Write the table: the rows of these kinds anew, or all."""
    before = json.loads(TABLE.read_text(encoding="utf-8")) if chosen else {}
    table = {}
    for kind, (make, names) in KINDS.items():
        for name in names:
            row = f"{kind}: {name}"
            if row in before and kind not in chosen:
                table[row] = before[row]
            else:
                print(row, flush=True)
                table[row] = make(name)
    TABLE.write_text(json.dumps(table, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
