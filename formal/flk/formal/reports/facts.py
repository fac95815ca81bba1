"""An exploration for programs: what `flk explore --json` prints."""

from itertools import pairwise

import msgspec

from flk.formal.explicit.explore import Explored, Finding, Path
from flk.formal.explicit.schema import Schema, State
from flk.formal.reports.covered import Coverage
from flk.spec.verdict import Verdict


def facts(schema: Schema, found: Explored, coverage: Coverage = ()) -> dict[str, object]:
    """Figures, findings with their paths, and coverage if it was asked for. States are objects: cell to value, as written."""
    figures = msgspec.structs.asdict(found) | {"hashes": [f"{each:016x}" for each in found.hashes]}
    findings = [_finding(schema, finding) for finding in found.findings]
    implied = [_finding(schema, finding) for finding in found.implied]
    return figures | {
        "verdict": found.verdict,
        "exit": found.verdict.exit_code,
        "findings": findings,
        "implied": implied,
        "violations": [each["property"] for each in findings + implied if each["verdict"] is Verdict.VIOLATED],
        "fault": found.fault and _finding(schema, found.fault),
        "coverage": [msgspec.structs.asdict(action) for action in coverage],
    }


def _finding(schema: Schema, finding: Finding) -> dict[str, object]:
    property_ = schema.protocol.properties.get(finding.property)
    return msgspec.structs.asdict(finding) | {
        "requirements": property_.requirements if property_ else (),
        "path": finding.path and _path(schema, finding.path),
    }


def _path(schema: Schema, path: Path) -> dict[str, object]:
    steps = [
        {
            "action": move.action,
            "arguments": move.arguments,
            "shown": move.shown,
            "changes": _values(schema, move.state, before.state),
        }
        for before, move in pairwise(path.moves)
    ]
    return {"initial": _values(schema, path.moves[0].state), "steps": steps, "loop": path.loop}


def _values(schema: Schema, state: State, before: State | None = None) -> dict[str, str]:
    """Each cell's value as it is written; only where it differs, if there is a state before."""
    pairs = zip(schema.cells, state, before or (None,) * len(state), strict=True)
    return {str(cell): schema.describe(cell, code) for cell, code, old in pairs if code != old}
