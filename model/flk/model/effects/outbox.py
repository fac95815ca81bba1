"""Effects of delivery (OUT-*), and of waiting."""

from flk.model.effects.effect import Effect
from flk.model.flow.submission import Response, Submission


class Post(Effect[Response | None], frozen=True):
    """Send a submission to the service; None if no answer came, which says nothing about what the service did."""

    submission: Submission


class Sleep(Effect[None], frozen=True):
    """Wait."""

    seconds: float


class Draw(Effect[float], frozen=True):
    """A number equally likely anywhere in [0, 1)."""
