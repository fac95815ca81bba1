"""Cases of the log: `frame`, `scan`, `verify_segment`."""

import json
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import packed
from flk.model.log.frames import EARLIER_MAGIC, MAGIC, Kind
from flk.model.log.frames import SALT_BYTES as SALT
from flk.model.log.frames import frame_bytes as frame
from flk.model.log.hlc import Timestamp

timestamps = st.integers(0, 2**63 - 1).map(Timestamp)
salts = st.just(b"") | st.binary(min_size=SALT, max_size=SALT)
payloads = st.binary(max_size=24) | st.just(frame(Kind.DATA, Timestamp(7), b"a frame in a frame"))


@composite
def segments(draw: DrawFn) -> tuple[str, bytes]:
    """A whole segment, sealed or open, and its name."""
    log, sequence = draw(st.sampled_from(["eu.000001", "us.000023"])), draw(st.integers(1, 10**12 - 1))
    head = {"region": log[:2], "log": log, "sequence": sequence}
    salt = draw(salts)
    begin = json.dumps(head, separators=(",", ":")).encode()
    segment = (MAGIC if salt else EARLIER_MAGIC) + frame(Kind.HEAD, draw(timestamps), begin, salt)
    for payload in draw(st.lists(payloads, max_size=4)):
        segment += frame(Kind.DATA, draw(timestamps), payload, salt)
    if draw(st.booleans()):
        segment += frame(Kind.SEAL, draw(timestamps), sha256(segment).digest(), salt)
    return f"{log}/{sequence:012}", segment


@composite
def damaged(draw: DrawFn, segment: bytes) -> bytes:
    """A segment after a mishap, or none: cut, flipped, with bytes put in, taken out, or made zeros, or with zeros behind."""
    start = draw(st.integers(0, len(segment)))
    end = draw(st.integers(start, min(len(segment), start + 40)))
    match draw(st.integers(0, 6)):
        case 0:
            return segment[:start]
        case 1 if start < len(segment):
            flipped = segment[start] ^ 1 << draw(st.integers(0, 7))
            return segment[:start] + bytes([flipped]) + segment[start + 1 :]
        case 2:
            return segment[:start] + draw(st.binary(max_size=30)) + segment[start:]
        case 3:
            return segment[:start] + segment[end:]
        case 4:
            return segment[:start] + bytes(end - start) + segment[end:]
        case 5:
            return segment + bytes(draw(st.integers(0, 40)))
        case _:
            return segment


@composite
def scans(draw: DrawFn) -> dict[str, str]:
    """A segment after at most two mishaps, its salt known from elsewhere or not."""
    _, segment = draw(segments())
    given = {"segment": packed(draw(damaged(draw(damaged(segment)))))}
    known = segment.startswith(MAGIC) and draw(st.booleans())
    return given | {"salt": packed(segment[len(MAGIC) :][:SALT])} if known else given


@composite
def named(draw: DrawFn) -> dict[str, str]:
    """A segment after at most one mishap, under its own name or another."""
    name, segment = draw(segments())
    other = st.sampled_from([name, name, name, f"x{name}", name[:-1], name.replace("/0", "/", 1), f"{name[:-1]}0"])
    return {"segment": packed(draw(damaged(segment))), "name": draw(other)}


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "frame": st.fixed_dictionaries(
        {
            "kind": st.sampled_from([1, 2, 3]),
            "timestamp": timestamps.map(lambda t: f"{t:016x}"),
            "payload": (st.binary(max_size=200) | st.just(bytes(70_000))).map(packed),
        },
        optional={"salt": st.binary(min_size=SALT, max_size=SALT).map(packed)},
    ),
    "scan": scans(),
    "verify_segment": named(),
}
