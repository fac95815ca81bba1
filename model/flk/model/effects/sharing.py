"""Effects on a store that the nodes of a region share, and on the logs of all of them (RET-7). Repeating one changes nothing."""

from typing import NamedTuple, Self

from flk.model.effects.effect import Effect


class Watermark(NamedTuple):
    """A mark of the node that writes a log, or of the log itself."""

    log: str
    name: str
    value: str

    @classmethod
    def of(cls, full: str, value: str) -> Self:
        """The mark that a store has under a full name.

        >>> Watermark.of("eu.000001/applied", "eu.000001/000000000003")
        Watermark(log='eu.000001', name='applied', value='eu.000001/000000000003')
        """
        log, _, name = full.partition("/")
        return cls(log, name, value)


class Watermarks(Effect[tuple[Watermark, ...]], frozen=True):
    """What the nodes that share the store have marked, each for its log, and which logs are lost."""


class Bar(Effect[None], frozen=True):
    """Let the node of this log write to the store no more, neither entries nor watermarks, and no other node take its number.

    What it wrote before is in the store when this has its result. It need not have taken part.
    """

    log: str


class DeclareLost(Effect[None], frozen=True):
    """Remember that a log ends with this segment, a sign, and that what its node had stored behind its objects is in no log."""

    sign: str
