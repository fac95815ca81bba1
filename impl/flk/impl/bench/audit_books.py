"""The books of a node's audit log across kills: what was acknowledged is one leaf, and each checkpoint that was seen is how the
next began. Read as an auditor would, from the object store alone.
"""

import json
import time
from collections import Counter
from collections.abc import Collection
from pathlib import Path

import msgspec

from flk.impl.data.transparency import Log
from flk.impl.storage.objects import open_objects
from flk.model.record.signing import Ed25519PrivateKey
from flk.model.transparency.checkpoints import BadLog, Checkpoint
from flk.model.transparency.notes import Signer, private_text
from flk.model.transparency.steps import prefix_of
from flk.model.transparency.tiles import bundles_of, unpacked
from flk.spec.errors import UnusableInput

SIGNER = Signer("localhost/bench", Ed25519PrivateKey(bytes(32)))  # of logs that live for minutes, on this machine
OFTEN = 0.2  # seconds from one step to the next
PATIENCE_SECONDS = 120.0
_COUNTED = {"outcome": 1, "supersession": -1}


class AuditBooks(msgspec.Struct, frozen=True):
    """Leaves of the log, and checkpoints of it that were seen after kills; ids that were acknowledged, of which so many have no
    leaf, and leaves of outcomes beyond one for each id; what an auditor says of the log, empty if nothing is wrong.
    """

    leaves: int = 0
    checkpoints: int = 0
    acknowledged: int = 0
    missing: int = 0
    doubled: int = 0
    wrong: str = ""

    @property
    def holds(self) -> bool:
        """Whether each acknowledged outcome is one leaf, and the log one history."""
        return not (self.missing or self.doubled or self.wrong)


class Auditor:
    """Who keeps the books of the log that a node writes into `directory`; `options` are those of the node."""

    def __init__(self, directory: Path) -> None:
        objects, self.key = directory / "objects", directory / "audit.key"
        objects.mkdir(exist_ok=True)
        self.key.write_text(private_text(SIGNER.name, bytes(32)))
        self.url = objects.as_uri()
        self.options = ["--objects", self.url, "--ship-every", f"{OFTEN}", "--audit", str(self.key)]
        self.options += ["--audit-every", f"{OFTEN}"]
        self._place = objects / prefix_of("eu")
        self._log = Log(open_objects(self._place.as_uri()), SIGNER.verifier)
        self.seen: list[Checkpoint] = []

    def look(self) -> None:
        """Remember the checkpoint that is published now, if another is."""
        if (self._place / "checkpoint").exists():
            checkpoint, _ = self._log.checkpoint()
            if checkpoint not in self.seen:
                self.seen.append(checkpoint)

    def await_leaves(self, count: int) -> None:
        """Return when so many outcomes are published leaves, beside one of the node's keys. Raises TimeoutError."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not (self._place / "checkpoint").exists() or self._log.checkpoint()[0].size <= count:
            if time.monotonic() > until:
                raise TimeoutError(f"the audit log has not {count} outcomes after {PATIENCE_SECONDS:g} s")
            time.sleep(OFTEN / 4)

    def close(self, acknowledged: Collection[str]) -> AuditBooks:
        """The books, once the log has what was acknowledged, or nothing was added to it for long."""
        until, size = time.monotonic() + PATIENCE_SECONDS, -1
        outcomes: Counter[str] = Counter()
        try:
            while time.monotonic() < until and not outcomes.keys() >= set(acknowledged):
                time.sleep(OFTEN)
                self.look()
                if self.seen and self.seen[-1].size != size:
                    size = self.seen[-1].size
                    outcomes = self._outcomes(size)
            self._log.audit(self.seen[-1])
            for earlier, later in zip(self.seen, self.seen[1:], strict=False):
                self._log.grown_from(earlier, later)
        except (BadLog, UnusableInput) as wrong:
            return AuditBooks(wrong=str(wrong))
        missing = sum(not outcomes[each] for each in acknowledged)
        doubled = sum(count - 1 for count in outcomes.values() if count > 1)
        return AuditBooks(size, len(self.seen), len(acknowledged), missing, doubled)

    def _outcomes(self, size: int) -> Counter[str]:
        """How many leaves say what is stored of each id: those of outcomes, but for those of which another leaf says that they gave
        way.
        """
        found: Counter[str] = Counter()
        for bundle in bundles_of(size):
            path = self._place / bundle.name
            content = (path if path.exists() else self._place / bundle.whole.name).read_bytes()
            for leaf in map(json.loads, (unpacked(content) or [])[: bundle.width]):
                if leaf["kind"] in _COUNTED:
                    found[leaf["pcs_id"]] += _COUNTED[leaf["kind"]]
        return found
