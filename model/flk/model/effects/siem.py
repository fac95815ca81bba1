"""Effects of a stream of events to a SIEM (SIEM-*)."""

from flk.model.effects.effect import Effect
from flk.model.flow.submission import Response
from flk.model.siem.events import Event
from flk.model.siem.targets import Refusal


class Tell(Effect[Response | None], frozen=True):
    """Send events to the receiver; None if no answer came, which says nothing about what the receiver did."""

    events: tuple[Event, ...]


class Behind(Effect[int], frozen=True):
    """How many leaves of the log are behind the stream, durably: each taken, or refused and noted."""


class MoveOn(Effect[None], frozen=True):
    """Let so many leaves be behind the stream, durably."""

    leaves: int


class NoteRefused(Effect[None], frozen=True):
    """Note events that the receiver does not take, durably, for somebody to look at."""

    refused: tuple[Refusal, ...]
