"""What the log of an outbox says (OUT-*): frames of a letter and what it is about, and the state that they amount to.

Q  submission               it waits; the frame's timestamp is its id
A  id                       it is acknowledged, or its giver has looked at the dead letter
D  id, answer               it was refused for good
R  id, submission           the one of that id is over; this one waits in its stead
B  source, E  source        the submissions of a source are being queued; they all are
K  state                    what counted of everything before, carried over by a compaction (RET-8)
"""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import TypeAlias

import msgspec

from flk.model.flow.submission import Response, Submission, from_payload
from flk.model.log.frames import Frame
from flk.model.log.hlc import LAST, ZERO, Timestamp
from flk.spec.constants import CONSTANTS

QUEUED, ACKNOWLEDGED, DEAD, AGAIN, BEGUN, ENDED, KEPT = b"Q", b"A", b"D", b"R", b"B", b"E", b"K"
_ID = Struct("<Q")
_PIECE_BYTES = (
    CONSTANTS.node.max_body_bytes
)  # of bodies in one frame of kept state; with the largest one, a frame takes it


class Queued(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A submission that waits in the outbox; its log timestamp is its identity there."""

    id: Timestamp
    submission: Submission


class DeadLetter(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A submission that the service refused for good, and how."""

    id: Timestamp
    submission: Submission
    response: Response


class Unfinished(msgspec.Struct, frozen=True):
    """A source that was not queued to its end: its name, and how many of its submissions were queued before the agent stopped."""

    source: str
    queued: int


class Contents(msgspec.Struct, frozen=True):
    """What an outbox log says: what still waits, what was refused for good, and which sources were not queued to their ends.

    Its frames have `size` bytes, and what they amount to has about `kept`.
    """

    pending: tuple[Queued, ...]
    dead: tuple[DeadLetter, ...]
    unfinished: tuple[Unfinished, ...]
    size: int
    kept: int


class _Begun(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """A source that is being queued: since when, and how many of its submissions were queued until when."""

    source: str
    began: Timestamp
    queued: int
    until: Timestamp


_Kept: TypeAlias = Queued | DeadLetter | _Begun
_kept = msgspec.msgpack.Decoder(list[_Kept])
_encoder = msgspec.msgpack.Encoder()


def about(kind: bytes, id_: Timestamp, rest: bytes = b"") -> bytes:
    """The payload of a frame about the submission of that id."""
    return kind + _ID.pack(id_) + rest


def is_due(size: int, kept: int) -> bool:
    """Whether a log of `size` bytes, of which about `kept` still counted when somebody looked, is to be compacted (RET-8)."""
    return size >= 2 * kept + CONSTANTS.client.compact_bytes


def contents(frames: Iterable[Frame]) -> Contents:
    """The state that outbox frames amount to; repeated frames, and salvaged ones, which come late, change nothing."""
    frames = list(frames)
    said = _Said(frames)
    pending, dead = tuple(said.pending()), tuple(said.dead())
    unfinished = tuple(Unfinished(begun.source, said.queued_of(begun)) for begun in said.sources.values())
    size, kept = sum(len(frame.payload) for frame in frames), sum(map(_weight, pending)) + sum(map(_weight, dead))
    return Contents(pending, dead, unfinished, size, kept)


def compacted(frames: Sequence[Frame]) -> tuple[bytes, ...]:
    """The payloads that say what those frames amount to, one at least: behind them the frames may go (RET-8)."""
    return tuple(KEPT + _encoder.encode(piece) for piece in _pieces(_Said(frames).kept()))


class _Said:
    """What frames say, taken one after the other.

    What was kept comes first: it stood before every frame behind it, and repeats the others if they are still there.
    """

    def __init__(self, frames: Iterable[Frame]) -> None:
        self.sources: dict[str, _Begun] = {}
        self._queued: dict[Timestamp, Submission] = {}
        self._ended: dict[Timestamp, Response | None] = {}
        self._given: set[Timestamp] = set()  # by a source, and not carried over or sent in another's stead
        self._begun: set[Timestamp] = set()
        self._last = ZERO
        for frame in sorted(frames, key=lambda frame: (frame.payload[:1] != KEPT, frame.timestamp)):
            self._last = max(self._last, frame.timestamp)
            self._take(frame.timestamp, frame.payload[:1], frame.payload[1:])

    def pending(self) -> Iterator[Queued]:
        """What waits, the oldest first."""
        return (Queued(id_, item) for id_, item in self._queued.items() if id_ not in self._ended)

    def dead(self) -> Iterator[DeadLetter]:
        """What was refused for good, and nobody has dealt with."""
        for id_, response in self._ended.items():
            if response and id_ in self._queued:
                yield DeadLetter(id_, self._queued[id_], response)

    def kept(self) -> Iterator[_Kept]:
        """All that still counts."""
        yield from self.pending()
        yield from self.dead()
        for begun in self.sources.values():
            yield msgspec.structs.replace(begun, queued=self.queued_of(begun), until=self._last)

    def queued_of(self, begun: _Begun) -> int:
        """How many submissions of a source were queued, before another one was begun."""
        next_began = min((other for other in self._begun if other > begun.began), default=LAST)
        return begun.queued + sum(begun.until < id_ < next_began for id_ in self._given)

    def _take(self, at: Timestamp, kind: bytes, rest: bytes) -> None:
        if kind == QUEUED:
            self._queued[at] = from_payload(rest)
            self._given.add(at)
        elif kind == BEGUN:
            self._begin(_Begun(rest.decode(), at, 0, at))
        elif kind == ENDED:
            self.sources.pop(rest.decode(), None)
        elif kind == KEPT:
            self._take_kept(_kept.decode(rest))
        else:
            self._end(at, Timestamp(*_ID.unpack_from(rest)), kind, rest[_ID.size :])

    def _end(self, at: Timestamp, id_: Timestamp, kind: bytes, rest: bytes) -> None:
        self._ended[id_] = msgspec.json.decode(rest, type=Response) if kind == DEAD else None
        if kind == AGAIN:
            self._queued[at] = from_payload(rest)

    def _take_kept(self, kept: list[_Kept]) -> None:
        for each in kept:
            if isinstance(each, _Begun):
                self._begin(each)
                continue
            self._queued[each.id] = each.submission
            if isinstance(each, DeadLetter):
                self._ended[each.id] = each.response

    def _begin(self, begun: _Begun) -> None:
        self.sources[begun.source] = begun
        self._begun.add(begun.began)


def _pieces(kept: Iterable[_Kept]) -> Iterator[list[_Kept]]:
    """What is kept, as much in a piece as a frame takes. There is a piece if nothing is kept, too."""
    piece: list[_Kept] = []
    size = 0
    for each in kept:
        size += _weight(each)
        if piece and size > _PIECE_BYTES:
            yield piece
            piece, size = [], _weight(each)
        piece.append(each)
    yield piece


def _weight(kept: _Kept) -> int:
    if isinstance(kept, _Begun):
        return len(kept.source)
    return len(kept.submission.body) + (len(kept.response.body) if isinstance(kept, DeadLetter) else 0)
