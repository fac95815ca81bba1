"""The write-ahead log's format (WAL-*)."""

from flk.conformance.operations.forms import Form, Stamp, timestamp
from flk.model.log import frames as model
from flk.model.log.frames import CorruptSegment, Damage, Frame, Head, Kind
from flk.model.log.hlc import text


class FrameInput(Form, frozen=True):
    """A frame: kind 1 head, 2 data, 3 seal, 4 policy. Without a salt it is one of the earlier format."""

    kind: Kind
    timestamp: Stamp
    payload: bytes
    salt: bytes = model.NO_SALT


class DataFrame(Form, frozen=True):
    """A logged payload and its timestamp."""

    timestamp: Stamp
    payload: bytes


class Segment(Form, frozen=True):
    """The bytes of a segment."""

    segment: bytes


class DamagedSegment(Segment, frozen=True):
    """The bytes of a segment, and its salt if its opening may not say it."""

    salt: bytes | None = None


class NamedSegment(Segment, frozen=True):
    """The bytes of a segment and the name it is stored under."""

    name: str


class ScanResult(Form, frozen=True):
    """What a segment holds; `end` is the offset after its last valid frame, `torn` what follows that is neither frame nor zeros."""

    head: Head | None
    frames: tuple[DataFrame, ...]
    end: int
    torn: int
    damage: tuple[Damage, ...]
    sealed: bool
    clock: Stamp


def frame(given: FrameInput) -> bytes:
    """The frame's bytes."""
    return model.frame_bytes(given.kind, timestamp(given.timestamp), given.payload, given.salt)


def scan(given: DamagedSegment) -> ScanResult:
    """All that can be read. `damage` lists offset and length of each corrupt range; `clock` is the latest timestamp."""
    found = model.scan(given.segment, given.salt)
    frames = tuple(map(_data, found.frames))
    return ScanResult(found.head, frames, found.end, found.torn, found.damage, found.sealed, text(found.clock))


def verify_segment(given: NamedSegment) -> bool:
    """Whether the segment is sealed, whole, and the one its name says."""
    try:
        model.sealed_frames(given.name, given.segment)
    except CorruptSegment:
        return False
    return True


def _data(found: Frame) -> DataFrame:
    return DataFrame(text(found.timestamp), found.payload)
