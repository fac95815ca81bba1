"""Where two answers part: the first place in their structure, and there the first byte."""

from base64 import b64decode
from binascii import Error as NoBase64
from typing import NamedTuple

import msgspec

from flk.conformance.operations.equality import equal

AROUND = 30
"""Characters that are shown on each side of the first wrong one."""
AROUND_BYTES = 8
"""The same, of bytes in hexadecimal digits."""
BYTES = frozenset({"frame"})
"""The operations whose value is bytes, which base64 hides: four of its characters are three bytes."""
NOTHING = "nothing"
"""What stands where one answer has a member or an element and the other has none."""


class Difference(NamedTuple):
    """Both answers around the place where they part, in printable ASCII; `mark` is the column of that place in both.

    `path` says where in the structure it is (`[2].body`, empty for the whole answer), `byte` which byte of that text, from 1 on.
    """

    path: str
    expected: str
    received: str
    mark: int
    byte: int


def difference(expected: str, received: str, operation: str = "") -> Difference | None:
    """Where two answers, given as JSON, part; None if one is missing, cannot be read, or both are equal.

    >>> difference('[{"status":200}]', '[{"status":202}]')
    Difference(path='[0].status', expected='200', received='202', mark=2, byte=3)
    """
    try:
        pair = msgspec.json.decode(expected), msgspec.json.decode(received)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if equal(*pair):
        return None
    path, *sides = _apart(*pair)
    if operation in BYTES and all(isinstance(side, str) for side in sides):
        decoded = [_bytes(str(side)) for side in sides]
        if None not in decoded:
            return _of_bytes(path, decoded[0] or b"", decoded[1] or b"")
    return _of_texts(path, *(side if isinstance(side, str) else _json(side) for side in sides))


class _Nothing:
    """There is no member, or no element."""


def _apart(expected: object, received: object, path: str = "") -> tuple[str, object, object]:
    """The path of the first difference, and what stands there on each side."""
    if isinstance(expected, dict) and isinstance(received, dict):
        for key in sorted({*expected, *received}):
            one, other = expected.get(key, _Nothing()), received.get(key, _Nothing())
            if not equal(one, other):
                return _apart(one, other, f"{path}.{key}" if path else str(key))
    if isinstance(expected, list) and isinstance(received, list):
        for place in range(max(len(expected), len(received))):
            one, other = (side[place] if place < len(side) else _Nothing() for side in (expected, received))
            if not equal(one, other):
                return _apart(one, other, f"{path}[{place}]")
    return path, expected, received


def _json(value: object) -> str:
    return NOTHING if isinstance(value, _Nothing) else msgspec.json.encode(value).decode()


def _bytes(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except NoBase64:
        return None


def _of_texts(path: str, expected: str, received: str) -> Difference:
    at = _first(expected, received)
    start = max(0, at - AROUND)
    before = ("..." if start else "") + escaped(expected[start:at])
    one, other = (
        before + escaped(text[at : at + AROUND]) + ("..." if len(text) > at + AROUND else "")
        for text in (expected, received)
    )
    return Difference(path, one, other, len(before), len(expected[:at].encode(errors="surrogatepass")) + 1)


def _of_bytes(path: str, expected: bytes, received: bytes) -> Difference:
    at = _first(expected, received)
    start = max(0, at - AROUND_BYTES)
    before = ("... " if start else "") + "".join(f"{byte:02x} " for byte in expected[start:at])
    one, other = (
        before + side[at : at + AROUND_BYTES].hex(" ") + (" ..." if len(side) > at + AROUND_BYTES else "")
        for side in (expected, received)
    )
    return Difference(path, one, other, len(before), at + 1)


def _first(expected: str | bytes, received: str | bytes) -> int:
    pairs = zip(expected, received, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(received)))


def escaped(text: str) -> str:
    r"""Return a text in printable ASCII: what is not is escaped as in Python, so that no two texts look alike.

    >>> escaped("\u00e9") == r"\xe9"
    True
    """
    return text.encode("unicode_escape").decode()
