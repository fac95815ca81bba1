"""A run in full: what every program did, and every message between places. Only for short runs: everything is kept in memory."""

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
    """What `simulate` writes a recording to."""

    trace: BytesIO
    messages: Callable[[Message], None]


def record(play: Callable[[Listeners], Run], copy: BinaryIO | None = None) -> Recording:
    """Record a run: `play` runs the scenario with these listeners, as `simulate(…, trace=…, messages=…)` takes them. The lines are
    written to `copy` too.
    """
    file = BytesIO()
    messages: list[Message] = []
    run = play(Listeners(file, messages.append))
    if copy is not None:
        copy.write(file.getvalue())
    return Recording(run, tuple(_decode.decode_lines(file.getvalue())), tuple(messages))
