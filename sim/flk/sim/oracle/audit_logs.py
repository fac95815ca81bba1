"""Audit logs, byte by byte: leaves, trees, tiles, steps and checkpoints (TLOG-1 to TLOG-9)."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flk.sim.oracle.notary import Opinion
from flk.sim.oracle.records import Record, fixed9
from flk.spec.constants import CONSTANTS

WIDTH, HASH = 256, 32
_TILE = re.compile(r"tile/(entries|\d+)/((?:x\d{3}/)*\d{3})(?:\.p/(\d+))?")
_NOTE, _COSIGNATURE = 1, 4
_ID, _TIME = 4, 8


class Tree:
    """The tree of RFC 6962 over leaves as they come; `roots` has that of each number of them, from none on."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.roots = [sha256(b"").digest()]
        self._complete: list[tuple[int, bytes]] = []  # subtrees that are complete, by their sizes, the largest first

    def add(self, leaf: bytes) -> None:
        """One leaf more."""
        self.leaves.append(leaf)
        size, root = 1, sha256(b"\0" + leaf).digest()
        while self._complete and self._complete[-1][0] == size:
            root = _node(self._complete.pop()[1], root)
            size *= 2
        self._complete.append((size, root))
        found = self._complete[-1][1]
        for _, left in reversed(self._complete[:-1]):
            found = _node(left, found)
        self.roots.append(found)

    def tile(self, name: str) -> bytes | None:
        """What the object of a tile is to hold; None if it is the name of none, or of one that the tree does not have yet."""
        found = _TILE.fullmatch(name)
        if found is None:
            return None
        level, number = found[1], int(found[2].replace("x", "").replace("/", ""))
        width = int(found[3]) if found[3] else WIDTH
        each = 1 if level == "entries" else WIDTH ** int(level)
        first = number * WIDTH
        if not 0 < width <= WIDTH or (first + width) * each > len(self.leaves):
            return None
        if level == "entries":
            return b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in self.leaves[first : first + width])
        return b"".join(_root(self.leaves[at * each : (at + 1) * each]) for at in range(first, first + width))

    def tiles(self, size: int) -> Iterator[str]:
        """The names of the tiles at the right edge of a log of so many leaves: whoever has those has all that a proof needs."""
        level, hashes = 0, size
        while hashes:
            number, width = divmod(hashes, WIDTH)
            if width:
                place = f"{_spelt(number)}.p/{width}"
                yield f"tile/{level}/{place}"
                if not level:
                    yield f"tile/entries/{place}"
            level, hashes = level + 1, number


class Step(NamedTuple):
    """What an object says that decides which leaves come next: the number of the step, of leaves and their root behind it, how far
    each log is integrated, and the leaves.
    """

    number: int
    size: int
    root: str
    through: dict[str, str]
    leaves: tuple[bytes, ...]


def step(content: bytes) -> Step | None:
    """The step that an object is, None if it is none."""
    try:
        head, _, rest = zlib.decompress(content).partition(b"\n")
        told = json.loads(head)
        leaves = []
        while rest:
            end = 2 + int.from_bytes(rest[:2], "big")
            leaves.append(rest[2:end])
            rest = rest[end:]
        return Step(told["number"], told["size"], told["root"], dict(told["through"]), tuple(leaves))
    except (zlib.error, ValueError, KeyError, TypeError):
        return None


class Signed(NamedTuple):
    """A checkpoint: the log's name, how many leaves it has and their root; the text, and the signatures by name."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[tuple[str, bytes], ...]

    def by(self, name: str, public: bytes) -> bool:
        """Whether a log's key has signed it."""
        return self._made(name, public, _NOTE, self.text.encode(), 0)

    def cosigned_by(self, name: str, public: bytes) -> bool:
        """Whether a witness's key has cosigned it, at whatever time."""
        for signer, made in self.signatures:
            if signer == name and len(made) > _ID + _TIME:
                seconds = int.from_bytes(made[_ID : _ID + _TIME], "big")
                seen = f"cosignature/v1\ntime {seconds}\n{self.text}".encode()
                if self._made(name, public, _COSIGNATURE, seen, _TIME):
                    return True
        return False

    def _made(self, name: str, public: bytes, kind: int, message: bytes, skipped: int) -> bool:
        identity = sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:_ID]
        for signer, made in self.signatures:
            if signer == name and made[:_ID] == identity:
                try:
                    Ed25519PublicKey.from_public_bytes(public).verify(made[_ID + skipped :], message)
                except InvalidSignature:
                    continue
                return True
        return False


def checkpoint(content: bytes) -> Signed | None:
    """The checkpoint that a note is, None if it is none."""
    try:
        text, _, below = content.decode().rpartition("\n\n")
        origin, size, root, *_ = text.split("\n")
        signatures = []
        for line in below.splitlines():
            _, name, made = line.split(" ")
            signatures.append((name, b64decode(made)))
        return Signed(origin, int(size), b64decode(root), text + "\n", tuple(signatures))
    except ValueError:
        return None


def outcome(record: Record, opinion: Opinion, timestamp: int, region: str) -> bytes:
    """The leaf of a record's outcome (TLOG-6)."""
    judged = opinion.outcome
    assert judged is not None, "what was refused is no leaf"
    reals = {name: float(record[name]) for name in ("D_hat", "budget", "coh_star", "r")}
    told: dict[str, object] = {
        **reals,
        **{name: record[name] for name in ("epoch", "merkle_root", "pcs_id", "regime", "shard_id")},
        "accepted": judged.accepted,
        "digest": opinion.digest,
        "escalated": judged.escalated,
        "kind": "outcome",
        "parameters": opinion.judged_by[1] if opinion.judged_by else _tolerances(),
        "reason": judged.reason,
        "recomputed_D_hat": judged.recomputed_D_hat,
        "recomputed_budget": judged.recomputed_budget,
        "region": region,
        "tenant": opinion.tenant,
        "timestamp": f"{timestamp:016x}",
    }
    return _written(told | ({"policy": opinion.judged_by[0]} if opinion.judged_by else {}))


def statement(stated: bytes, since: int, log: str) -> bytes:
    """The leaf of what a log states of policies since a time (TLOG-6)."""
    content = json.loads(stated)
    told = {"digest": sha256(_text(content).encode()).hexdigest(), "kind": "policies", "log": log}
    told["timestamp"] = f"{since:016x}"
    whole = _written({**told, "content": content})
    return whole if len(whole) < 1 << 16 else _written({**told})


def _tolerances() -> str:
    judgement = CONSTANTS.judgement
    return sha256(
        _written({"tolerance_D_hat": judgement.tolerance_D_hat, "tolerance_budget": judgement.tolerance_budget})
    ).hexdigest()


def _written(told: dict[str, object]) -> bytes:
    return _text(told).encode()


def _text(value: object) -> str:
    """Keys in code-point order, no spaces, reals with nine fractional digits; these texts are printable ASCII."""
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{_text(value[name])}' for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return fixed9(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


def _root(leaves: list[bytes]) -> bytes:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.roots[-1]


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def _spelt(number: int) -> str:
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.insert(0, f"x{number % 1000:03d}")
    return "/".join(parts)
