"""The Coq development, compiled once in a run of the tests: whoever asks first compiles it, other workers wait for that."""

import os
from fcntl import LOCK_EX, flock
from pathlib import Path

import msgspec
import pytest

from flk.formal.proofs import coq


def compiled(factory: pytest.TempPathFactory) -> tuple[Path, tuple[coq.CoqProof, ...]]:
    """Where everything is compiled, for reading only, and what Coq says of every headline, the axioms told for each file."""
    own = factory.getbasetemp()
    run = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    build, said = run / "coq", run / "coq.json"
    with (run / "coq.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not said.exists():
            said.write_bytes(msgspec.json.encode(coq.check(build, together=True)))
    return build, msgspec.json.decode(said.read_bytes(), type=tuple[coq.CoqProof, ...])
