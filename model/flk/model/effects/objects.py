"""Effects on the object store that regions share (CRR-*)."""

from flk.model.effects.effect import Effect


class PutObject(Effect[bool], frozen=True):
    """Create an object unless one has that name; returns whether it was created (CRR-9)."""

    name: str
    content: bytes


class ReplaceObject(Effect[bool], frozen=True):
    """Put `content` in place of an object that still reads as `damaged`; returns whether it did (CRR-10)."""

    name: str
    damaged: bytes
    content: bytes


class GetObject(Effect[bytes | None], frozen=True):
    """An object's bytes, None if there is none of that name."""

    name: str


class GetBeginning(Effect[bytes | None], frozen=True):
    """The first `size` bytes of an object, all of them if it has no more; None if there is none of that name."""

    name: str
    size: int


class ListObjects(Effect[tuple[str, ...]], frozen=True):
    """The names that start with `prefix` and sort after `after`, in order."""

    prefix: str
    after: str = ""
