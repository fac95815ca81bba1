"""Exporting: a protocol in the language of another model checker."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from pathlib import Path

from flk.formal.api.subject import Subject, chosen
from flk.formal.language.protocol import Protocol
from flk.spec.errors import UnusableInput, needs, writing


class Checker(StrEnum):
    """What a protocol can be exported to: Murphi for rumur, Promela for Spin, TLA+ for TLC."""

    MURPHI = "murphi"
    PROMELA = "promela"
    TLA = "tla"


@dataclass(frozen=True, repr=False)
class Export:
    """A protocol in another checker's language, as files by name; what `export` returns. `str` of it is the text.

    TLA+ is two files, a module and a configuration, that TLC wants side by side. A comment in each says how to run the tool, and
    what its language cannot express.

    >>> list(export("two-phase-commit", "tla").files)
    ['two_phase_commit.tla', 'two_phase_commit.cfg']
    """

    protocol: str
    to: Checker
    files: Mapping[str, str]

    def save(self, directory: str | Path = ".") -> list[Path]:
        """Write the files into a directory, which is made. Raises UnusableInput if that cannot be."""
        folder = Path(directory)
        paths = {folder / name: text for name, text in self.files.items()}
        for path, text in paths.items():
            with writing(path, "the export"):
                folder.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
        return list(paths)

    def __str__(self) -> str:
        return "\n".join(text.rstrip("\n") for text in self.files.values())

    def __repr__(self) -> str:
        lines = str(self).count("\n") + 1
        return f"<{self.protocol} in {self.to}: {', '.join(self.files)}, {lines} lines>"

    def _repr_html_(self) -> str:
        return "".join(f"<p><b>{escape(name)}</b></p><pre>{escape(text)}</pre>" for name, text in self.files.items())


def export(
    protocol: Subject, to: str = "tla", sizes: Mapping[str, int] | None = None, *, symmetric: bool = False
) -> Export:
    """A protocol in TLA+ (`tla`, for TLC), Murphi (`murphi`, for rumur) or Promela (`promela`, for Spin), with its properties.

    The tools count the same distinct states as `explore`. `sizes` overrides how many elements index sorts have; a refuted
    design comes with the property that it breaks, at the sizes at which it fails. `symmetric` lets rumur and TLC fold states that
    differ by names only.

    Raises UnusableInput for an unknown protocol, language or size, and for `symmetric` with Promela; MissingExtra if
    `flk-lab[formal]` is not installed.

    >>> print(str(export("two-phase-commit", "murphi", {"RM": 5})).splitlines()[0])
    -- two-phase-commit, at RM=5
    """
    if to not in list(Checker):
        raise UnusableInput(f"to={to!r}: choose from {', '.join(Checker)}")
    checker = Checker(to)
    if symmetric and checker is Checker.PROMELA:
        raise UnusableInput("symmetric: Spin does not fold states; leave it out, or export to murphi or tla")
    picked = chosen(protocol)
    wanted = {**{name.lower(): size for name, size in picked.sizes.items()}, **_lower(sizes or {})}
    return Export(picked.protocol.name, checker, _files(picked.exhibit, checker, wanted, symmetric=symmetric))


def _lower(sizes: Mapping[str, int]) -> dict[str, int]:
    return {name.lower(): size for name, size in sizes.items()}


def _files(protocol: Protocol, to: Checker, sizes: Mapping[str, int], *, symmetric: bool) -> dict[str, str]:
    with needs("formal", "exporting a protocol"):
        from flk.formal.exports import murphi, promela, tla
        from flk.formal.exports.names import plain

    match to:
        case Checker.MURPHI:
            return {f"{plain(protocol.name)}.m": murphi.export(protocol, sizes, symmetric=symmetric)}
        case Checker.PROMELA:
            return {f"{plain(protocol.name)}.pml": promela.export(protocol, sizes)}
        case Checker.TLA:
            name, module, configuration = tla.export(protocol, sizes, symmetric=symmetric)
            return {f"{name}.tla": module, f"{name}.cfg": configuration}
