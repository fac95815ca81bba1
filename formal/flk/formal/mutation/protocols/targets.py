"""Protocols as targets: by name from the library, or in a Python file of the user's own."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from flk.formal.language import Protocol
from flk.formal.library import catalogue
from flk.formal.mutation.mutant import Mutant, numbered, unmutated
from flk.formal.mutation.protocols.checks import Bounded, Exploration, LargerSizes, Proof, all_larger
from flk.formal.mutation.protocols.meaning import meaningful
from flk.formal.mutation.protocols.operators import mutants_of
from flk.formal.mutation.source import Source
from flk.formal.mutation.target import Target, digest_of
from flk.spec.errors import UnusableInput

KIND = "protocols"
ROOM = Path(str(import_module("flk.formal").__path__[0]))


def targets() -> list[Target]:
    """Every protocol of the lab."""
    return [target_of(name) for name in catalogue.PROTOCOLS]


def target_of(name: str) -> Target:
    """The protocol of a name, or of a path that ends in `.py`.

    Raises UnusableInput for a name that is not known, a file that defines no protocol, and a refuted design of the gallery.
    """
    protocol = catalogue.find(name)
    if catalogue.design_of(protocol) is not None:
        base = protocol.base.name if protocol.base else ""
        raise UnusableInput(
            f"{name} is refuted as it is, so its mutants tell nothing: take the protocol it departs from, {base}"
        )
    file = Path(name) if name.endswith(".py") else _file_of(protocol)
    module = file.name if name.endswith(".py") else f"{catalogue.__package__}.protocols.{file.stem}"
    source = Source(module, _shown(file), file.read_text("utf-8"))
    original = unmutated(module, source.path, source.text)
    sizes = protocol.sizes()
    larger = LargerSizes(original, sizes)
    return Target(
        name=protocol.name,
        room="yours" if name.endswith(".py") else "formal",
        kind=KIND,
        mutants=lambda: _mutants(source, original),
        checks=(Exploration(sizes), larger, Proof(), Bounded(all_larger(sizes))),
        original=original,
        digest=digest_of([file, *_beside(file), *_judges()]),
        claims=tuple(protocol.properties),
        prepare=lambda _: larger.within_reach,
        preload=("numpy", "scipy.sparse.csgraph", "z3"),
    )


def _mutants(source: Source, original: Mutant) -> Sequence[Mutant]:
    return list(numbered(meaningful(mutants_of(source), original)))


def _beside(file: Path) -> list[Path]:
    """The modules that hold a part of a protocol: `replication_enabled.py` one of `replication.py`."""
    return sorted(file.parent.glob(f"{file.stem}_*.py"))


def _judges() -> list[Path]:
    """The sources of all that judges protocols."""
    parts = (ROOM / "language", ROOM / "explicit", ROOM / "prover", ROOM / "mutation" / "protocols")
    return [file for part in parts for file in part.rglob("*") if file.suffix in {".py", ".c", ".numba"}]


def _file_of(protocol: Protocol) -> Path:
    return Path(next(iter(protocol.actions.values())).file)


def _shown(file: Path) -> str:
    """The path as it is shown: from the working directory, where the file is within it."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)
