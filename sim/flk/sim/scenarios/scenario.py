"""A scenario: a frozen value that says what exists, what happens to it and what is asked of it."""

from collections.abc import Iterable
from functools import cached_property
from hashlib import sha256
from html import escape
from typing import Any

import msgspec

from flk.sim.scenarios import document
from flk.sim.scenarios.duration import Seconds, clock
from flk.sim.scenarios.faults import Fault, Stop
from flk.sim.scenarios.hypotheses import Hypothesis
from flk.sim.scenarios.layout import TO_STORE, Layout
from flk.sim.scenarios.policy import Objectives, Policy
from flk.sim.scenarios.script import Act
from flk.sim.scenarios.topology import Network
from flk.sim.scenarios.workload import Workload
from flk.spec.constants import CONSTANTS
from flk.spec.tables import html_table

_SINCE: dict[str, object] = {
    "anchor_lag": float(Objectives().anchor_lag),
    "audit_log": None,
    "audit_log_lag": float(Objectives().audit_log_lag),
    "check_interval": CONSTANTS.replication.check_interval_seconds,
    "check_round": CONSTANTS.replication.check_round_seconds,
    "for_good": False,
    "leaves": False,
    "node": None,
    "nodes": 1,
    "policies": None,
    "siem_lag": float(Objectives().siem_lag),
    "to_store": document.builtins(TO_STORE),
    "upkeep": None,
}
"""Fields that policies, objectives, layouts, migrations and faults did not always have, and what they are where not used."""


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One drill. Times are seconds from its start; `seed` is the random seed unless another is asked for.

    A `script` says exactly who submits, ships and replays when; without one, records come at random and rounds at intervals.
    A `steady` scenario is everyday life, whose beginning is cut off as warm-up; any other is an incident, measured whole.
    `design` names one of the refuted designs of `flk.sim.nodes.designs` to be run in place of the model's programs.

    Scenarios are made by `scenario()` or read by `load()`; `to_toml()` writes the file that reads back as the same value.

    >>> cut = load("split-brain")
    >>> [(fault.id, fault.kind, fault.start, fault.end) for fault in cut.faults]
    [('split', 'partition', 120.0, 360.0)]
    >>> cut.hash == load("split-brain").hash
    True
    """

    name: str
    description: str
    duration: Seconds
    regions: tuple[str, ...]
    workload: Workload
    seed: int = 1
    network: Network = Network()
    policy: Policy = Policy()
    slo: Objectives = Objectives()
    faults: tuple[Fault, ...] = ()
    layout: Layout = Layout()
    hypotheses: tuple[Hypothesis, ...] = ()
    steady: bool = False
    script: tuple[Act, ...] = ()
    design: str = ""

    def _repr_html_(self) -> str:
        """What it is and what goes wrong, for notebooks."""
        faults = [(one.id, clock(one.start), clock(one.end), one.effect) for one in self.faults]
        about = (
            f"{self.description} {clock(self.duration)} minutes, regions {', '.join(self.regions)}, seed {self.seed}."
        )
        table = html_table(("fault", "from", "to", "what it does"), faults) if faults else ""
        return f"<p><b>{escape(self.name)}</b> {escape(about)}</p>{table}"

    @cached_property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that name this content. Fields that scenarios have not always had count where used."""
        content = document.convert(
            document.builtins(self), Scenario, self.name
        )  # so that 2 and 2.0 are the same content
        told: dict[str, Any] = document.builtins(content)
        parts: list[dict[str, object]] = [
            *(told.get(table, {}) for table in ("policy", "slo", "layout")),
            told.get("layout", {}).get("migration") or {},
            *told.get("faults", ()),
        ]
        for part in parts:
            for name in [name for name, unused in _SINCE.items() if part.get(name) == unused]:
                part.pop(name, None)
        canonical = msgspec.json.encode(told, order="sorted")
        return sha256(canonical).hexdigest()[:16]

    @property
    def crashes(self) -> tuple[Stop, ...]:
        """The faults that take a region down, all of it, earliest first."""
        found = (fault for fault in self.faults if isinstance(fault, Stop) and fault.node is None)
        return tuple(sorted(found, key=lambda fault: fault.start))

    def with_faults(self, faults: Iterable[Fault]) -> "Scenario":
        """The same with these faults in place of its own. What it expects of faults that are gone goes with them."""
        faults = tuple(faults)
        known = {"", *(fault.id for fault in faults)}
        expected = [hypothesis for hypothesis in self.hypotheses if set(hypothesis.about) <= known]
        return msgspec.structs.replace(self, faults=faults, hypotheses=tuple(expected))

    def to_toml(self) -> str:
        """The scenario as a file that `load` reads back as the same value."""
        return document.to_toml(self)
