"""The protocols of the lab and the refuted designs by name, and protocols in a Python file of the user's own."""

from pathlib import Path

from flk.formal.language import Protocol
from flk.formal.library.gallery import DESIGNS, Design
from flk.formal.library.protocols import (
    audit,
    fences,
    ingest,
    lost_logs,
    migration,
    outbox,
    policies,
    reconciliation,
    replication,
    retention,
    rotten_rows,
    shared_store,
    tiering,
    transparency,
    two_phase_commit,
)
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest
from flk.spec.users_code import run_file

_GALLERY = "gallery/"

PROTOCOLS: dict[str, Protocol] = {
    module.protocol.name: module.protocol
    for module in (
        ingest,
        shared_store,
        rotten_rows,
        replication,
        policies,
        outbox,
        migration,
        fences,
        tiering,
        retention,
        lost_logs,
        reconciliation,
        audit,
        transparency,
        two_phase_commit,
    )
}
"""Each protocol, in the order in which they are shown."""


def has_property(name: str) -> bool:
    """Whether `PROTOCOL/PROPERTY` names a property of a protocol."""
    protocol, _, property_ = name.partition("/")
    return protocol in PROTOCOLS and property_ in PROTOCOLS[protocol].properties


def protocols() -> dict[str, Protocol]:
    """Every protocol of the lab by its name, and every refuted design by `gallery/NAME`."""
    return {**PROTOCOLS, **{f"{_GALLERY}{name}": design.protocol for name, design in DESIGNS.items()}}


def design_of(protocol: Protocol) -> Design | None:
    """The refuted design that the protocol is, if it is one."""
    return next((design for design in DESIGNS.values() if design.protocol is protocol), None)


def find(name: str) -> Protocol:
    """The protocol of a name, or of a path that ends in `.py`. Raises UnusableInput, with the nearest names or the fix."""
    if name.endswith(".py"):
        return load(Path(name))
    known = protocols()
    if name in known:
        return known[name]
    if _GALLERY + name in known:
        return known[_GALLERY + name]
    hint = nearest(name, {key.removeprefix(_GALLERY): None for key in known})
    raise UnusableInput(f"no protocol is called {name} (a file of your own ends in .py): {hint}")


def load(path: Path) -> Protocol:
    """The value called `protocol` in a Python file, which is run. Raises UnusableInput with the file, the line and the fix."""
    if not path.is_file():
        raise UnusableInput(
            f"{path}: there is no such file; give a protocol's name, or a Python file that defines `protocol`"
        )
    module = run_file(path, f"flk_protocol_{path.stem}")
    found = getattr(module, "protocol", None)
    if not isinstance(found, Protocol):
        raise UnusableInput(f"{path}: defines no `protocol`; write protocol = Protocol(name, story) at the top level")
    return found
