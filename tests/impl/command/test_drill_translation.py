"""Scenarios as plans of real drills: every kind of fault is performed or refused by name, and each is mapped to what it says."""

import msgspec
import pytest

from flk.impl.command.drilling.refusals import PERFORMED, SETTINGS, WHY, refusals, require_counterparts, without
from flk.impl.command.drilling.translation import plan_of, scaled, stand_ins
from flk.impl.drill.plan import Action, Between, Kill, Resume, Spoil, SpoilObjects, Stall, Start, Wound
from flk.sim.api.inputs import KINDS
from flk.sim.api.programs import inputs_for
from flk.sim.clients.arrivals import arrivals
from flk.sim.scenarios.builder import scenario as draft
from flk.sim.scenarios.faults import Fault, LogLoss
from flk.sim.scenarios.faults.base import Direction
from flk.sim.scenarios.faults.objects import Damage
from flk.sim.scenarios.files import find, library
from flk.sim.scenarios.scenario import Scenario
from flk.spec.errors import UnusableInput

CALM = (
    draft("a-drill", duration="10s")
    .regions("eu", "us", agents=1)
    .link("clients.eu", "us", delay="50ms")
    .workload(records="synthetic:40", rate=4)
    .build()
)
SIDES = (("us",), ("objects",))


def fault(kind: str, name: str, **fields: object) -> Fault:
    """A fault of the two regions, as scenario files write it."""
    drill = draft("one", duration="10s").regions("eu", "us", agents=1).workload(records="synthetic:1", rate=1)
    return drill.fault(kind, name, **fields).build().faults[0]


def actions(*faults: Fault) -> list[Action]:
    """What the faults become, in order of time."""
    found = CALM.with_faults(faults)
    return list(plan_of(found, inputs_for(found), 5).actions)


def test_every_fault_of_the_library_is_performed_or_refused() -> None:
    """None is skipped in silence; and no kind is both."""
    performed = {str(kind.__struct_config__.tag) for kind in PERFORMED}
    assert performed | set(WHY) <= set(KINDS)
    assert not performed & set(WHY)
    for scenario in map(find, library()):
        said = {refusal.name for refusal in refusals(scenario)} - set(SETTINGS)
        assert said == {each.id for each in scenario.faults if each.kind not in performed}


@pytest.mark.parametrize(
    "refused",
    [
        fault("clock_skew", "skew", start=1.0, duration=2.0, region="eu", offset=3.0),
        fault("bit_rot", "rot", start=1.0, duration=2.0, region="eu"),
    ],
)
def test_a_fault_without_a_counterpart_is_refused_by_its_id_until_it_is_left_out(refused: Fault) -> None:
    """The message ends with what to type, and leaving it out leaves the other faults."""
    found = CALM.with_faults([refused, fault("burst", "rush", start=1.0, duration=1.0, factor=2.0)])
    with pytest.raises(UnusableInput, match=f"--without {refused.id}$") as said:
        require_counterparts(found)
    assert f"{refused.id}: {refused.kind}: " in str(said.value)
    left = without(found, [refused.id])
    require_counterparts(left)
    assert [each.id for each in left.faults] == ["rush"]


def test_a_setting_without_a_counterpart_is_refused_by_its_name_until_it_is_left_out() -> None:
    """Left out, a setting has its default; links keep what else they say."""
    change = msgspec.structs.replace
    layout = change(CALM.layout, shards=3)
    policy = change(CALM.policy, max_in_flight=7)
    tenants = change(CALM.workload, tenants={"a": 1.0, "b": 1.0})
    path = change(CALM.network.default, duplication=0.1, bandwidth=1e6)
    found = change(CALM, layout=layout, policy=policy, workload=tenants, network=change(CALM.network, default=path))
    names = [refusal.name for refusal in refusals(found)]
    assert names == ["layout", "workload.tenants", "policy.max_in_flight", "network.bandwidth", "network.duplication"]
    left = without(found, names)
    require_counterparts(left)
    assert left.network.links == CALM.network.links
    assert left == CALM


def test_a_name_that_is_not_there_cannot_be_left_out() -> None:
    """A mistyped name leaves nothing out."""
    with pytest.raises(UnusableInput, match=r"--without cut: .*no such fault or setting"):
        without(CALM, ["cut"])


def test_arrivals_and_records_are_those_of_the_simulator() -> None:
    """The same seed gives the same records to the same agents at the same moments."""
    inputs = inputs_for(CALM)
    plan = plan_of(CALM, inputs, 5)
    coming = list(arrivals(CALM.workload, CALM.faults, CALM.duration, len(inputs.submissions), 5))
    assert [(each.at, each.agent) for each in plan.arrivals] == [(each.at, each.agent) for each in coming]
    assert [each.submission for each in plan.arrivals] == [inputs.submissions[each.submission] for each in coming]
    assert all(each.counted for each in plan.arrivals)


def test_a_region_that_is_lost_is_killed_and_says_nothing_until_it_is_started() -> None:
    """Its clients hear nothing, and afterwards what their links say."""
    found = actions(fault("region_crash", "fire", start=2.0, duration=3.0, region="us", disk="lost"))
    killed, started = [each for each in found if isinstance(each, Kill | Start)]
    assert killed == Kill(2.0, "fire", "us", loses=True, which=killed.which, where=killed.where)  # type: ignore[union-attr]
    assert (started.at, started.region) == (5.0, "us")
    wires = [each for each in found if isinstance(each, Between)]
    assert [(each.at, each.pair, each.there.cut, each.back.cut) for each in wires] == [
        (at, (place, "us"), cut, cut)
        for at, cut in ((2.0, True), (5.0, False))
        for place in ("clients.eu", "clients.us")
    ]
    assert wires[2].there.delay == 0.05


def test_a_log_is_wounded_while_its_region_is_down() -> None:
    """Each loss of a log is a wound of the same name."""
    for loss, wound in zip(list(LogLoss)[1:], Wound, strict=True):
        found = actions(fault("region_crash", "fire", start=2.0, duration=3.0, region="us", log=str(loss)))
        assert next(each.wound for each in found if isinstance(each, Kill)) is wound


def test_a_process_that_dies_is_no_loss_of_a_region_and_its_machine_answers() -> None:
    """Nothing is cut: connections are refused."""
    found = actions(fault("process_crash", "kill", start=2.0, duration=3.0, region="us"))
    assert found == [Kill(2.0, "kill", "us", region_lost=False), Start(5.0, "kill", "us")]


def test_a_partition_cuts_the_ways_that_it_names() -> None:
    """One way or both, and no other pair of places."""
    for direction, there, back in (
        (Direction.BOTH, True, True),
        (Direction.FORWARD, True, False),
        (Direction.BACKWARD, False, True),
    ):
        found = actions(
            fault("partition", "cut", start=2.0, duration=3.0, sides=[*map(list, SIDES)], direction=str(direction))
        )
        assert [(each.at, each.pair, each.there.cut, each.back.cut) for each in found if isinstance(each, Between)] == [
            (2.0, ("us", "objects"), there, back),
            (5.0, ("us", "objects"), False, False),
        ]


def test_latency_and_loss_add_to_what_a_way_has() -> None:
    """Faults that overlap are taken together, from each moment at which one begins or ends."""
    found = actions(
        fault("latency", "slow", start=2.0, duration=3.0, sides=[*map(list, SIDES)], extra=0.7),
        fault("loss", "noise", start=3.0, duration=1.0, sides=[*map(list, SIDES)], share=0.5),
    )
    ways = [(each.at, each.there.delay, each.there.loss) for each in found if isinstance(each, Between)]
    assert ways == [(2.0, 0.72, 0.0), (3.0, 0.72, 0.5), (4.0, 0.72, 0.0), (5.0, 0.02, 0.0)]


def test_an_object_store_that_is_away_breaks_off_every_connection() -> None:
    """That of every region."""
    found = actions(fault("object_store_outage", "away", start=2.0, duration=3.0))
    assert [(each.at, each.pair, each.refuse) for each in found if isinstance(each, Between)] == [
        (at, (region, "objects"), refuse) for at, refuse in ((2.0, True), (5.0, False)) for region in ("eu", "us")
    ]


def test_objects_are_spoilt() -> None:
    """Lost or damaged, for good or until the end."""
    (lost,) = actions(fault("object_loss", "loss", start=2.0, duration=3.0, region="eu", share=0.5, for_good=True))
    assert lost == SpoilObjects(2.0, 5.0, "eu", Spoil.LOST, 0.5, "loss", for_good=True)
    for damage, spoil in zip(Damage, list(Spoil)[1:], strict=True):
        (found,) = actions(fault("object_corrupt", "rot", start=2.0, duration=3.0, region="eu", damage=str(damage)))
        assert found == SpoilObjects(2.0, 5.0, "eu", spoil, 1.0, "rot")


def test_a_disk_that_hangs_is_a_process_that_is_stopped_and_that_is_said() -> None:
    """SIGSTOP is more than a disk that hangs, so it is named."""
    stall = fault("disk_stall", "hang", start=2.0, duration=3.0, region="eu")
    assert actions(stall) == [Stall(2.0, "eu"), Resume(5.0, "eu")]
    assert [line for line in stand_ins(CALM.with_faults([stall])) if line.startswith("hang: ") and "SIGSTOP" in line]


def test_speed_divides_schedule_and_policy_and_leaves_wires_as_they_are() -> None:
    """The simulator gets the same scenario, so both are hurried alike."""
    found: Scenario = CALM.with_faults([fault("partition", "cut", start=2.0, duration=4.0, sides=[*map(list, SIDES)])])
    fast = scaled(found, 4)
    assert (fast.duration, fast.workload.rate, fast.faults[0].start, fast.faults[0].end) == (2.5, 16.0, 0.5, 1.5)
    assert fast.policy.ship_interval == found.policy.ship_interval / 4
    assert fast.policy.retry.base_delay_seconds == found.policy.retry.base_delay_seconds / 4
    assert fast.policy.failover.probe_interval_seconds == found.policy.failover.probe_interval_seconds / 4
    assert (fast.network, fast.policy.timeout, fast.policy.fsync) == (
        found.network,
        found.policy.timeout,
        found.policy.fsync,
    )
    require_counterparts(fast)
    slow = [arrival.at for arrival in plan_of(found, inputs_for(found), 5).arrivals]
    quick = [arrival.at for arrival in plan_of(fast, inputs_for(fast), 5).arrivals]
    assert quick == pytest.approx([at / 4 for at in slow])
