"""Regions whose stores differ, and what tests make them do about it."""

import msgspec
from tests.support.model.world import EXAMINE, World, pcs, submission

from flk.model.entries.compared import LIMITS, columns_of, written
from flk.model.entries.entry import Claim, Entry, Key, join
from flk.model.entries.proposals import (
    SCORES,
    Action,
    Decision,
    Mode,
    Proposal,
    Verdict,
    decisions_of,
    proposals_of,
    proposed,
)
from flk.model.log.frames import scan
from flk.model.log.hlc import Timestamp
from flk.model.programs.behind import read_on
from flk.model.programs.examine import claims_of
from flk.model.programs.propose import Found, Standings, look
from flk.model.programs.reconcile import Reconciled, reconcile
from flk.model.programs.ship import ship
from flk.spec.constants import Divergence

INTERVAL = 300.0


def small(**limits: float) -> Divergence:
    """The limits, of which tests are told that take less time."""
    return msgspec.structs.replace(LIMITS, range_bits=8, **limits)


PEERS = {"eu": ("us",), "us": ("eu",)}


def sent(world: World, *epochs: int, region: str = "eu") -> list[Key]:
    """Records are answered, and shipped as one segment; their keys."""
    for epoch in epochs:
        assert world.ingest(region, submission(pcs(epoch=epoch))).status == 200
    world.run(region, ship())
    return [Key("default", pcs(epoch=epoch).pcs_id) for epoch in epochs]


def replayed(world: World, *regions: str) -> None:
    """Each region reads what its peers have shipped."""
    for region in regions or PEERS:
        for peer in PEERS[region]:
            world.run(region, read_on(region, peer, EXAMINE))


def looked(world: World, region: str) -> Found:
    """A pass that compares and proposes."""
    return world.run(region, look(region, PEERS[region], EXAMINE, INTERVAL))


def mended(world: World, region: str, mode: Mode = Mode.MANUAL) -> Reconciled:
    """A pass that applies."""
    return world.run(region, reconcile(region, PEERS[region], EXAMINE, mode))


def after_rounds(world: World, rounds: int = 3, mode: Mode = Mode.MANUAL) -> dict[str, Found]:
    """So many rounds of every region; what the last ones found."""
    found = {}
    for _ in range(rounds):
        world.pass_time(INTERVAL)
        for region in PEERS:
            found[region] = looked(world, region)
            mended(world, region, mode)
    return found


def decide(world: World, region: str, id_: str, verdict: Verdict = Verdict.APPROVED) -> bool:
    """Somebody decides."""
    return world.objects.put(decisions_of(region) + id_, written(Decision(region, id_, verdict)))


def of(found: Found) -> Standings:
    """What was found of the only peer."""
    (standing,) = found.peers
    return standing


def agreeing(epochs: int = 30) -> World:
    """Two regions with the same entries, each having logged half of them in three segments."""
    world = World("eu", "us")
    for start in range(0, epochs, epochs // 3):
        half = epochs // 6
        sent(world, *range(start, start + half))
        sent(world, *range(start + half, start + 2 * half), region="us")
    world.pass_time(INTERVAL)
    replayed(world)
    return world


def a_key(world: World, region: str, *, of_region: str) -> Key:
    """A key under which a region holds what another logged."""
    held = world.entries[region].entries
    return min(key for key, entry in held.items() if entry.region == of_region)


def objects_of(world: World, prefix: str) -> list[str]:
    """Names in the object store."""
    return sorted(name for name in world.objects.objects if name.startswith(prefix))


def a_later(entry: Entry) -> Entry:
    """A well-formed entry that should give way to this one."""
    return msgspec.structs.replace(entry, timestamp=Timestamp(entry.timestamp + 1), digest="b" * 64)


def lost_at(world: World, number: int) -> None:
    """A row of us vanishes."""
    held = world.entries["us"].entries
    held.pop(sorted(held)[number % len(held)], None)


def replaced_at(world: World, number: int) -> None:
    """A row of us is replaced by a later one."""
    held = world.entries["us"].entries
    key = sorted(held)[number % len(held)]
    if held[key].digest != "b" * 64:
        held[key] = a_later(held[key])


def logged(world: World) -> dict[Key, Entry]:
    """What the logs come to."""
    taken: dict[Key, Entry] = {}
    for region in PEERS:
        for name in world.disks[region].names("inbox"):
            for key, entry in claims_of(scan(bytes(world.disks[region].segments[name])).frames, region, EXAMINE):
                taken[key] = join(taken.get(key, entry), entry)
    return taken


def spoilt(epochs: int = 60) -> World:
    """One row is gone, and one is replaced by a later one."""
    world = agreeing(epochs)
    lost_at(world, epochs // 12)
    replaced_at(world, epochs // 3)
    return world


def overwrite(world: World, name: str, content: bytes) -> None:
    """An object is another one now."""
    assert name in world.objects.objects
    world.objects.objects[name] = content


def forged(world: World, **changes: object) -> str:
    """A proposal of somebody else's, approved; its id."""
    held = world.entries["us"].entries
    key = min(held)
    claims = (columns_of(Claim(key, a_later(held[key]))),)
    action = Action.CHOOSE_FIRST
    made = Proposal("us", "eu", Timestamp(1), action, SCORES[action], 0.0, "eu.000001/000000000001", claims, "forged")
    id_, content = proposed(msgspec.structs.replace(made, **changes))
    world.objects.put(proposals_of("us") + id_, content)
    decide(world, "us", id_)
    return id_
