"""`flk export`: a protocol in the language of another model checker."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import chosen_sizes, protocol_names, size_texts
from flk.spec.errors import UnusableInput, writing

EXAMPLES = """\
Examples: flk export two-phase-commit --to murphi --size rm=5 --out two_phase_commit.m

flk export replication --to tla --out models/
"""


def _checkers(incomplete: str) -> list[str]:
    from flk.formal.api.exporting import Checker

    return [name for name in Checker if name.startswith(incomplete)]


@app.command(epilog=EXAMPLES)
def export(
    name: Annotated[
        str,
        typer.Argument(help="A protocol, a design of the gallery, or a Python file.", autocompletion=protocol_names),
    ],
    *,
    to: Annotated[str, typer.Option(help="murphi, promela or tla: for rumur, Spin or TLC.", autocompletion=_checkers)],
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
    from flk.formal.api.exporting import export as exported

    found = exported(name, to, chosen_sizes(size or ()), symmetric=symmetric)
    files = dict(found.files)
    if out is not None:
        files = _placed(files, out)
        for path, text in files.items():
            with writing(path):
                Path(path).write_text(text, "utf-8")
    if json:
        typer.echo(msgspec.json.encode({"protocol": name, "to": to, "files": files}))
    elif out is not None:
        typer.echo("\n".join(files))
    else:
        typer.echo(str(found))


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
