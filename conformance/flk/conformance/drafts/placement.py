"""Drafts of `ring_owner` and `pause` (RNG-*, OUT-3, OUT-4)."""

from collections.abc import Iterator
from fractions import Fraction
from random import Random

from flk.conformance.drafts.draft import Draft
from flk.conformance.operations.placement import PauseInput, RingInput
from flk.model.entries.ring import Ring, position
from flk.spec.constants import CONSTANTS

SHARDS = ("shard-a", "shard-b", "shard-c")
VNODES = CONSTANTS.ring.vnodes


def ring_owner() -> Iterator[Draft]:
    """Keys over three shards, the same keys over four, shards that fail, and the ends of the circle."""
    keys = [f"pcs-{number}" for number in range(16)]
    for key in keys:
        yield _owner(f"three/{key}", "the first position not below the key's own", SHARDS, key, "RNG-1")
    for key in keys:
        yield _owner(f"four/{key}", "stays, or moves to the new shard", (*SHARDS, "shard-d"), key, "RNG-2")
    for key in keys[:8]:
        lost = Ring(SHARDS).owner(key)
        yield _owner(
            f"one-lost/{key}", "the next position whose shard is healthy", SHARDS, key, "RNG-3", unhealthy=(lost,)
        )
    for key in keys[:4]:
        another = next(shard for shard in SHARDS if shard != Ring(SHARDS).owner(key))
        yield _owner(f"another-lost/{key}", "keys of healthy shards stay", SHARDS, key, "RNG-3", unhealthy=(another,))
        yield _owner(
            f"one-left/{key}", "all keys go to the last healthy shard", SHARDS, key, "RNG-3", unhealthy=SHARDS[:2]
        )
    none = RingInput(SHARDS, VNODES, SHARDS, keys[0])
    yield Draft("none-healthy", "an error, not a guess", none, ("RNG-3",), (), ("RNG-3", None))
    yield _owner("one-shard", "owns everything", ("only",), keys[0], "RNG-1")
    yield _owner("turned", "the order of the names does not matter", SHARDS[::-1], keys[0], "RNG-1")
    yield _owner("empty-key", "a key of no characters", SHARDS, "", "RNG-1")
    yield _owner("non-ascii-key", "UTF-8 of the key", SHARDS, "caf\u00e9 \U0001f600", "RNG-1")
    yield _owner("capital-key", "keys are told apart by case", SHARDS, keys[0].capitalize(), "RNG-1")
    yield _owner("combining-key", "a key is not normalised", SHARDS, "cafe\u0301", "RNG-1")
    yield _owner("on-a-position", "a position belongs to its owner", SHARDS, "shard-b#3", "RNG-1")
    yield from _past_the_end()
    repeated = RingInput(("shard-a", "shard-b", "shard-a"), VNODES, (), keys[0])
    yield Draft("repeated-name", "a name stands once", repeated, ("RNG-1",), (), ("RNG-1", None))
    comment = "a name that the ring does not have is passed over"
    yield _owner("unknown-unhealthy", comment, SHARDS, keys[0], "RNG-3", unhealthy=("shard-z", *SHARDS[1:]))
    pair, shared = ("s6322", "s68101"), "s6322#0"  # a position that both own
    yield _owner("shared/lesser", "the lesser name has it", pair, shared, "RNG-1", vnodes=1)
    yield _owner("shared/turned", "the lesser name has it", pair[::-1], shared, "RNG-1", vnodes=1)
    comment = "the lesser is unhealthy: the other has it"
    yield _owner("shared/lesser-lost", comment, (*pair, "s1", "s2"), shared, "RNG-3", unhealthy=pair[:1], vnodes=1)


def _past_the_end() -> Iterator[Draft]:
    """With one virtual node each, most of the circle's end is open."""
    last = max(position(f"{shard}#0") for shard in SHARDS)
    beyond = [key for key in (f"key-{number}" for number in range(200)) if position(key) > last]
    for key in beyond[:4]:
        yield _owner(
            f"wrapped/{key}", "past the last position comes the first", SHARDS, key, "RNG-1", "wrap-around", vnodes=1
        )
    for vnodes in (1, 2, 10):
        yield _owner(f"vnodes/{vnodes}", "as many positions as stated", SHARDS, "pcs-1", "RNG-1", vnodes=vnodes)


def pause() -> Iterator[Draft]:
    """Ceilings that double up to the cap, full jitter, and Retry-After."""
    for attempt in (1, 2, 3, 6, 7, 8, 33, 40, 65, 1025):
        for chance in (0.0, 0.5, 0.75):
            question = PauseInput(attempt, chance, None)
            yield Draft(f"after-{attempt}-{chance}", "a part of the doubled, capped ceiling", question, ("OUT-3",))
    for asked in (0.0, 1.0, 10.0, 120.0):
        for chance in (0.0, 0.5):
            question = PauseInput(2, chance, asked)
            yield Draft(f"asked-{asked:g}-{chance}", "never sooner than the server asked", question, ("OUT-4",))
    for asked in (-1.0, -3600.0):
        comment = "a number below 0 asks for nothing"
        yield Draft(f"asked-{asked:g}", comment, PauseInput(2, 0.5, asked), ("OUT-4",))
    for asked in (3600.0, 3600.125, 1e9):
        comment = "nobody makes an agent wait longer than an hour"
        yield Draft(f"asked-{asked:g}-bound", comment, PauseInput(3, 0.25, asked), ("OUT-4",))
    for attempt, chance, asked in _rounded():
        comment = "product and sum are each rounded to binary64"
        yield Draft(
            f"rounded/{attempt}-{chance}", comment, PauseInput(attempt, chance, asked), ("OUT-3",), ("product",)
        )


def _rounded() -> Iterator[tuple[int, float, float]]:
    """Pauses that come out otherwise if product and sum are rounded once, together."""
    random = Random(5)
    found = 0
    while found < 4:
        attempt, chance, asked = random.randrange(7, 12), random.random(), random.randrange(1, 80) / 8
        cap = CONSTANTS.outbox.max_delay_seconds
        if asked + chance * cap != float(Fraction(asked) + Fraction(chance) * Fraction(cap)):
            found += 1
            yield attempt, chance, asked


def _owner(
    slug: str,
    comment: str,
    shards: tuple[str, ...],
    key: str,
    requirement: str,
    *flags: str,
    unhealthy: tuple[str, ...] = (),
    vnodes: int = VNODES,
) -> Draft:
    return Draft(slug, comment, RingInput(shards, vnodes, unhealthy, key), (requirement,), flags)
