"""Where a key lives, and when an agent tries again (RNG-*, OUT-*)."""

from typing import Annotated

from msgspec import Meta

from flk.conformance.operations.forms import Form
from flk.model.entries.ring import Ring
from flk.model.flow.submission import Response
from flk.model.programs.outbox import pause as model_pause


class RingInput(Form, frozen=True):
    """The shards, their number of virtual nodes, those that are unhealthy, and a key."""

    shards: tuple[str, ...]
    vnodes: Annotated[int, Meta(ge=1)]
    unhealthy: tuple[str, ...]
    key: str


class PauseInput(Form, frozen=True):
    """How many attempts failed, a number drawn from [0, 1), and the `Retry-After` of the last answer."""

    attempt: Annotated[int, Meta(ge=1)]
    chance: Annotated[float, Meta(ge=0, lt=1)]
    retry_after: float | None


def ring_owner(given: RingInput) -> str:
    """The shard that the key goes to; error RNG-3 if none is healthy."""
    return Ring(given.shards, given.vnodes).owner(given.key, set(given.shards) - set(given.unhealthy))


def pause(given: PauseInput) -> float:
    """Seconds to wait before the next attempt."""
    answered = None if given.retry_after is None else Response(503, b"", given.retry_after)
    return model_pause(given.attempt, given.chance, answered)
