"""The protocols of the lab and the refuted designs by name, and protocols in a Python file of the user's own."""

import traceback
from importlib.util import module_from_spec, spec_from_file_location
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
    spec = spec_from_file_location(f"flk_protocol_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UnusableInput(f"{path}: is not Python; give a file that ends in .py")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except UnusableInput:
        raise
    except SyntaxError as error:
        raise UnusableInput(f"{error.filename}:{error.lineno}: {error.msg}; fix the Python there") from None
    except Exception as error:  # noqa: BLE001 (whatever the author's own code raises)
        line = _line_in(path, error)
        raise UnusableInput(f"{path}:{line}: {type(error).__name__}: {error}; fix the line, or what it calls") from None
    found = getattr(module, "protocol", None)
    if not isinstance(found, Protocol):
        raise UnusableInput(f"{path}: defines no `protocol`; write protocol = Protocol(name, story) at the top level")
    return found


def _line_in(path: Path, error: Exception) -> int:
    """The last line of the file itself that was on the way to the error."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    return lines[-1] or 1 if lines else 1
