"""`flk export`: a protocol in the language of another model checker."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import chosen_sizes, design_of, protocol_names, size_texts
from flk.spec.errors import UnusableInput

if TYPE_CHECKING:
    from flk.formal.language import Protocol

EXAMPLES = """\
Examples: flk export two-phase-commit --to murphi --size rm=5 --out two_phase_commit.m

flk export replication --to tla --out models/
"""


class Language(StrEnum):
    """What a protocol can be exported to."""

    MURPHI = "murphi"
    PROMELA = "promela"
    TLA = "tla"


@app.command(epilog=EXAMPLES)
def export(
    name: Annotated[
        str,
        typer.Argument(help="A protocol, a design of the gallery, or a Python file.", autocompletion=protocol_names),
    ],
    *,
    to: Annotated[Language, typer.Option(help="For rumur, Spin or TLC.")],
    size: Annotated[
        list[str] | None, typer.Option(help="Size of an index sort, such as region=3.", autocompletion=size_texts)
    ] = None,
    symmetric: Annotated[
        bool, typer.Option("--symmetric", help="Let the tool fold states that differ by names only (not Spin).")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write to this file or directory; TLA+ is two files, side by side.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON for programs: names of files and their texts.")
    ] = False,
) -> None:
    """Write a protocol in Murphi, Promela or TLA+, with its properties. The tools count the same distinct states as `flk explore`.

    A design of the gallery comes with the property that it breaks. A comment says how to run the tool, and what its language
    cannot express. Exit code 2: unusable input.
    """
    from flk.formal.library.catalogue import find

    if symmetric and to is Language.PROMELA:
        raise UnusableInput("--symmetric: Spin does not fold states; leave it out, or export to murphi or tla")
    protocol, sizes = _subject(find(name))
    files = _exported(protocol, to, chosen_sizes(size or (), sizes), symmetric=symmetric)
    if out is not None:
        files = _placed(files, out)
        for path, text in files.items():
            _write(Path(path), text)
    if json:
        typer.echo(msgspec.json.encode({"protocol": name, "to": to, "files": files}))
    elif out is not None:
        typer.echo("\n".join(files))
    else:
        typer.echo("\n".join(text.rstrip("\n") for text in files.values()))


def _exported(protocol: "Protocol", to: Language, sizes: Mapping[str, int], *, symmetric: bool) -> dict[str, str]:
    """The names of the files, and their texts."""
    from flk.formal.exports import murphi, promela, tla
    from flk.formal.exports.names import plain

    match to:
        case Language.MURPHI:
            return {f"{plain(protocol.name)}.m": murphi.export(protocol, sizes, symmetric=symmetric)}
        case Language.PROMELA:
            return {f"{plain(protocol.name)}.pml": promela.export(protocol, sizes)}
        case Language.TLA:
            name, module, configuration = tla.export(protocol, sizes, symmetric=symmetric)
            return {f"{name}.tla": module, f"{name}.cfg": configuration}


def _subject(protocol: "Protocol") -> "tuple[Protocol, dict[str, int]]":
    """What is exported, and its sizes: a design is shown at those at which it fails."""
    design = design_of(protocol)
    return (design.exhibit, dict(design.sizes)) if design else (protocol, {})


def _placed(files: Mapping[str, str], out: Path) -> dict[str, str]:
    """The same files where they are wanted: in a directory, or under a name. TLC finds a module only under the module's name."""
    if out.is_dir():
        return {str(out / name): text for name, text in files.items()}
    if len(files) == 1:
        return {str(out): text for text in files.values()}
    module = next(iter(files))
    if out.name != module:
        raise UnusableInput(
            f"--out {out}: give a directory that exists, or {out.with_name(module)}: TLC goes by the name"
        )
    return {str(out.with_name(name)): text for name, text in files.items()}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UnusableInput(f"{path}: cannot be written: {error.strerror}") from None
