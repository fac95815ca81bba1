"""The audit log of the reference server: its leaves in a list, of which all else is computed. A defect overrides one step."""

import re
from threading import Lock

import msgspec

from flk.conformance.server.reference import NO_PATH, NO_TOKEN, ReferenceNode, Told
from flk.model.entries.entry import Claim, Key
from flk.model.flow.submission import Submission
from flk.model.programs.show import Proof, Shown
from flk.model.record.merkle import inclusion_proof, merkle_root
from flk.model.record.record import decode
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.leaves import key_name, names_of, outcome, written
from flk.model.transparency.notes import Signer, signed
from flk.model.transparency.tiles import WIDTH, Tile, packed

EARLIER = 300
"""Leaves that the log has from the beginning, so that it has tiles of two levels."""
_TILE = re.compile(r"(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class ReferenceAudit:
    """A log that `signer` signs. `operator` is the token that reads all leaves; a tenant's reads the proofs of its own."""

    def __init__(self, node: ReferenceNode, signer: Signer, operator: str) -> None:
        self.node = node
        self.signer = signer
        self.operator = operator
        self.leaves = [written({"kind": "keys", "number": number}) for number in range(EARLIER)]
        self.lock = Lock()

    def stored(self, submission: Submission) -> None:
        """Add the leaf of a record that was acknowledged, if it has none."""
        with self.lock:
            record = decode(submission.body)
            key = Key(submission.tenant, record.pcs_id)
            if not self.about(key):
                self.leaves.append(self.leaf(outcome(Claim(key, self.node.entries.entries[key]), record)))

    def leaf(self, content: bytes) -> bytes:
        """The leaf that is added for a fact."""
        return content

    def about(self, key: Key) -> list[int]:
        """The places of the leaves about a record."""
        return [place for place, leaf in enumerate(self.leaves) if key_name(key) in names_of(leaf)]

    def answer(self, name: str, authorization: str) -> Told:
        """What is told under a path of the log."""
        with self.lock:
            if name == "checkpoint":
                return Told(200, self.checkpoint(), {"Cache-Control": "no-cache"})
            kind, _, rest = name.partition("/")
            if kind == "proof":
                return self.shown(rest, self.node.reader(authorization))
            return self.tile(rest, authorization) if kind == "tile" else Told(404, NO_PATH)

    def checkpoint(self) -> bytes:
        """The tree as it is, signed."""
        name = self.signer.verifier.name
        text = Checkpoint(name, len(self.leaves), merkle_root(self.leaves)).text
        return signed(text, [self.signer.sign(text)])

    def tile(self, name: str, authorization: str) -> Told:
        """The tile of that name, hashes or leaves."""
        found = _TILE.fullmatch(name)
        if found is None or (found[3] and int(found[3]) >= WIDTH):
            return Told(404, NO_PATH)
        number = int(found[2].replace("x", "").replace("/", ""))
        tile = Tile(-1 if found[1] == "entries" else int(found[1]), number, int(found[3] or WIDTH))
        if tile.level < 0 and not self.may_read(authorization):
            return Told(401, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        content = self.content(tile)
        return Told(404, NO_PATH) if content is None else Told(200, content, _FOR_EVER)

    def may_read(self, authorization: str) -> bool:
        """Whether all leaves are told to who shows this."""
        return authorization == f"Bearer {self.operator}"

    def content(self, tile: Tile) -> bytes | None:
        """What a tile has; None if the log has no such tile."""
        first, last = tile.number * WIDTH, tile.number * WIDTH + tile.width
        below = WIDTH ** max(tile.level, 0)
        if tile.level > 7 or last * below > len(self.leaves):
            return None
        if tile.level < 0:
            return packed(self.leaves[first:last])
        return b"".join(merkle_root(self.leaves[at * below : (at + 1) * below]) for at in range(first, last))

    def shown(self, pcs_id: str, tenant: str | None) -> Told:
        """The leaves about a record of a tenant, with proofs."""
        if tenant is None:
            return Told(401, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        places = self.about(Key(tenant, pcs_id))
        if not places:
            return Told(404, b'{"error":"no leaf about this id","requirement":"API-3","field":null}')
        return Told(200, msgspec.json.encode(Proof(self.checkpoint().decode(), [self.proven(at) for at in places])))

    def proven(self, place: int) -> Shown:
        """A leaf and its proof."""
        proof = inclusion_proof(self.leaves, place)
        return Shown(place, self.leaves[place].decode(), [each.hex() for each in proof])
