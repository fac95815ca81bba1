"""A real node that writes an audit log: its options, and what its object store has."""

from collections.abc import Sequence
from pathlib import Path

from tests.support.model.transparency import LOG, objects_over

from flk.model.transparency.notes import private_text

OFTEN = ["--ship-every", "0.05", "--audit-every", "0.05", "--check-every", "3600"]


def audit_options(directory: Path) -> list[str]:
    """Those of a node that writes an audit log into the directory, often."""
    (directory / "objects").mkdir(exist_ok=True)
    (directory / "audit.key").write_text(private_text(LOG.name, bytes(range(32))))
    return ["--objects", (directory / "objects").as_uri(), "--audit", str(directory / "audit.key"), *OFTEN]


def stored(directory: Path, leaves: Sequence[bytes]) -> str:
    """A signed log of these leaves in a directory; its URL."""
    for name, content in objects_over(leaves).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return f"file://{directory}"


def objects_in(directory: Path) -> dict[str, bytes]:
    """What the object store has."""
    root = directory / "objects"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
