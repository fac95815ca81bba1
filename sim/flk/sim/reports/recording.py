"""A run in full: what every program did, and every message between places. Only for runs that are short enough to be told."""

from collections.abc import Callable
from io import BytesIO
from typing import BinaryIO, NamedTuple

import msgspec

from flk.sim.kernel.trace import Line
from flk.sim.outcome import Run
from flk.sim.world.network import Message

_decode = msgspec.json.Decoder(Line)
PROBE = " probe "


class Recording(NamedTuple):
    """A run with its lines, in order of time, and its messages, in the order in which they were sent."""

    run: Run
    lines: tuple[Line, ...]
    messages: tuple[Message, ...]

    @property
    def deliveries(self) -> tuple[Message, ...]:
        """The messages without those of health probes."""
        return tuple(message for message in self.messages if PROBE not in message.name)


class Listeners(NamedTuple):
    """What a run is given so that its story can be told."""

    trace: BytesIO
    messages: Callable[[Message], None]


def told(play: Callable[[Listeners], Run], copy: BinaryIO | None = None) -> Recording:
    """The story of a run: `play` runs the scenario with these listeners, as `simulate(…, trace=…, messages=…)` takes them. The
    lines are written to `copy` too.
    """
    file = BytesIO()
    heard: list[Message] = []
    run = play(Listeners(file, heard.append))
    if copy is not None:
        copy.write(file.getvalue())
    return Recording(run, tuple(_decode.decode_lines(file.getvalue())), tuple(heard))
