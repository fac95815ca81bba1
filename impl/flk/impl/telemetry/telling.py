"""What a node tells of its work to whoever follows it: `Untold` tells nobody; `told` tells a collector (OBS-9)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import msgspec

from flk.impl.http.messages import Handler
from flk.spec.constants import CONSTANTS, Otlp
from flk.spec.errors import UnusableInput


class Telemetry(msgspec.Struct, frozen=True):
    """Which collector is told, and of which share of the submissions that nobody follows."""

    url: str
    share: float = CONSTANTS.otlp.share
    bounds: Otlp = CONSTANTS.otlp

    @property
    def base(self) -> str:
        """The address behind which the paths of signals are. Raises UnusableInput unless it is one.

        >>> Telemetry("http://127.0.0.1:4318/").base
        'http://127.0.0.1:4318'
        """
        try:
            parts = urlsplit(self.url)
            usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError as error:
            raise UnusableInput(f"--otlp {self.url}: {error}") from None
        if not usable or parts.query or parts.fragment or parts.username:
            raise UnusableInput(
                f"--otlp {self.url}: not the address of a collector; it reads like http://127.0.0.1:4318"
            )
        return self.url.rstrip("/")


class PassSpan:
    """A pass in the background, as it is told."""

    def did(self, **figures: float) -> None:
        """What it did."""

    def failed(self, reason: str) -> None:
        """It did not complete."""


class Untold:
    """Tells nobody."""

    def requests(self, handler: Handler) -> Handler:
        """What handles requests, with each told that a caller follows or that is among the sample."""
        return handler

    @contextmanager
    def passing(self, stage: str, source: str) -> Iterator[PassSpan]:
        """A pass, told from here to the end of the block."""
        del stage, source
        yield PassSpan()

    async def close(self, say: Callable[[str], None]) -> None:
        """Tell what is still to be told, as far as that can be done soon."""
        del say
