"""What of a scenario has no counterpart on real processes: refused by name before anything starts, or left out on demand."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from flk.sim.scenarios.faults import (
    Burst,
    Deviation,
    DiskStall,
    Equivocation,
    Fault,
    Forgery,
    Latency,
    Loss,
    Malformation,
    ObjectDamage,
    ObjectLoss,
    ObjectStoreOutage,
    Partition,
    ProcessCrash,
    RegionCrash,
    StoreOutage,
)
from flk.sim.scenarios.layout import Layout
from flk.sim.scenarios.policy import Policy
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.topology import Network, Path
from flk.sim.scenarios.workload import Workload
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

PERFORMED = (
    Burst,
    Deviation,
    DiskStall,
    Equivocation,
    Forgery,
    Latency,
    Loss,
    Malformation,
    ObjectDamage,
    ObjectLoss,
    ObjectStoreOutage,
    Partition,
    ProcessCrash,
    RegionCrash,
)
"""The faults that a real drill puts into effect."""
WHY = {
    "duplication": "TCP delivers each byte once",
    "reorder": "TCP delivers in order",
    "bandwidth": "the proxies have no bandwidth of their own",
    "store_outage": "a node has its store in a file; with --store it shares one that can be away",
    "torn_write": "a write is torn by a power failure, and SIGKILL is none",
    "slow_node": "a process cannot be slowed evenly",
    "slow_disk": "the disk is this machine's",
    "fsync_failure": "the disk is this machine's",
    "bit_rot": "the disk is this machine's",
    "object_store_throttle": "the server has no quota",
    "object_hidden": "what the server lists and finds is its own",
    "object_listed_late": "what the server lists and finds is its own",
    "object_name_taken": "a second writer is not set up",
    "clock_skew": "all processes share the clock of this machine",
    "clock_jump": "all processes share the clock of this machine",
}
"""Why a kind of fault has no counterpart; of any other kind: because a real node has no such part."""
_NO_PART = "a real region has one store, and none of the parts that it happens to"
_SENDERS = "the drill's agents are honest processes that stay up"
_DEFAULTS = Policy()


class Refusal(NamedTuple):
    """What is refused, by the name that `--without` takes, and why."""

    name: str
    why: str


class _Setting(NamedTuple):
    """A setting without a counterpart: whether a scenario uses it, why it is refused, and the scenario without it."""

    used: Callable[[Scenario], bool]
    why: str
    without: Callable[[Scenario], Scenario]


def _policy(name: str, why: str) -> _Setting:
    def used(scenario: Scenario) -> bool:
        return bool(getattr(scenario.policy, name) != getattr(_DEFAULTS, name))

    def without(scenario: Scenario) -> Scenario:
        policy = msgspec.structs.replace(scenario.policy, **{name: getattr(_DEFAULTS, name)})
        return msgspec.structs.replace(scenario, policy=policy)

    return _Setting(used, why, without)


def _path(name: str, why: str) -> _Setting:
    default = getattr(Path(), name)

    def plain(path: Path) -> Path:
        return msgspec.structs.replace(path, **{name: default})

    def used(scenario: Scenario) -> bool:
        return any(getattr(path, name) != default for path in (scenario.network.default, *scenario.network.links))

    def without(scenario: Scenario) -> Scenario:
        links = tuple(msgspec.structs.replace(link, **{name: default}) for link in scenario.network.links)
        return msgspec.structs.replace(scenario, network=Network(plain(scenario.network.default), links))

    return _Setting(used, why, without)


def _tenants(scenario: Scenario) -> dict[str, float]:
    return Workload(scenario.workload.records, scenario.workload.agents).tenants


SETTINGS: Mapping[str, _Setting] = {
    "layout": _Setting(
        lambda scenario: scenario.layout != Layout(),
        "a real region has one store without shards, tiers, migration or audit queue",
        lambda scenario: msgspec.structs.replace(scenario, layout=Layout()),
    ),
    "design": _Setting(
        lambda scenario: bool(scenario.design),
        "real nodes run the model's programs and no refuted design",
        lambda scenario: msgspec.structs.replace(scenario, design=""),
    ),
    "script": _Setting(
        lambda scenario: bool(scenario.script),
        "real nodes ship and replay at intervals",
        lambda scenario: msgspec.structs.replace(scenario, script=()),
    ),
    "workload.tenants": _Setting(
        lambda scenario: scenario.workload.tenants != _tenants(scenario),
        "the drill's nodes know one tenant",
        lambda scenario: msgspec.structs.replace(
            scenario, workload=msgspec.structs.replace(scenario.workload, tenants=_tenants(scenario))
        ),
    ),
    "policy.segment_bytes": _policy("segment_bytes", "flk serve has no such option"),
    "policy.max_in_flight": _policy("max_in_flight", "flk serve has no such option"),
    "policy.check_round": _policy("check_round", "flk serve has no such option"),
    "network.bandwidth": _path("bandwidth", "the proxies have no bandwidth of their own"),
    "network.duplication": _path("duplication", "TCP delivers each byte once"),
}
"""The settings that have no counterpart, by their names."""


def refusals(scenario: Scenario, *, shared: bool = False) -> Iterator[Refusal]:
    """What of a scenario has no counterpart; in a drill whose regions share stores a store can be away."""
    for fault in scenario.faults:
        if not isinstance(fault, (*PERFORMED, StoreOutage) if shared else PERFORMED):
            yield Refusal(fault.id, f"{fault.kind}: {_why(fault)}")
    for name, setting in SETTINGS.items():
        if setting.used(scenario):
            yield Refusal(name, setting.why)


def without(scenario: Scenario, names: Iterable[str]) -> Scenario:
    """The scenario without these faults, by their ids, and settings. Raises UnusableInput for a name that it does not have."""
    names = list(names)
    ids = [fault.id for fault in scenario.faults]
    for name in names:
        if name not in ids and not (name in SETTINGS and SETTINGS[name].used(scenario)):
            there = [*ids, *(each for each, setting in SETTINGS.items() if setting.used(scenario))]
            raise UnusableInput(
                f"--without {name}: scenario {scenario.name!r} has no such fault or setting; {nearest(name, there)}"
            )
        if name in SETTINGS:
            scenario = SETTINGS[name].without(scenario)
    return scenario.with_faults(fault for fault in scenario.faults if fault.id not in names)


def require_counterparts(scenario: Scenario, *, shared: bool = False) -> None:
    """Return if everything of a scenario has a counterpart. Raises UnusableInput, which names all that has none."""
    found = list(refusals(scenario, shared=shared))
    if found:
        said = "".join(f"\n  {refusal.name}: {refusal.why}" for refusal in found)
        options = " ".join(f"--without {refusal.name}" for refusal in found)
        raise UnusableInput(
            f"scenario {scenario.name!r} has what real processes cannot be made to do:{said}\n"
            f"leave it out, in the drill and in its prediction: {options}"
        )


def _why(fault: Fault) -> str:
    senders = "flk.sim.scenarios.faults.load"
    return WHY.get(fault.kind, _SENDERS if type(fault).__module__ == senders else _NO_PART)
