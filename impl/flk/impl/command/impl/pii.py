"""`flk pii`: look for personal data and secrets in a text."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.model.personal.scan import Scan

pii = typer.Typer(name="pii", no_args_is_help=True, help="Look for personal data and secrets in texts.")
app.add_typer(pii)

STANDARD_INPUT = Path("-")

EXAMPLES = """\
Examples: flk pii scan notes.txt

flk pii scan notes.txt --redact > clean.txt

flk agent records walk.csv | flk pii scan - --kind email --json
"""


@pii.command(epilog=EXAMPLES)
def scan(
    file: Annotated[Path, typer.Argument(help="A text in UTF-8; - for standard input.", dir_okay=False)],
    *,
    redact: Annotated[bool, typer.Option("--redact", help="Write the text with markers instead of finds.")] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Look for this kind, and others named so: email, phone, card, iban, national_id, ip, secret. Default: all."
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Also telephone numbers as this region (ISO 3166) writes its own. Default: six regions."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Tell where personal data and secrets stand in a text, by kind and place; the words are not repeated.

    Exit code 0: nothing found, or redacted; 1: something found; 2: the text cannot be read.
    """
    from flk.model.personal.scan import redact as redacted
    from flk.model.personal.scan import scan as finds_in

    what, text = _what(kind, region), _read(file)
    if redact:
        sys.stdout.buffer.write(redacted(text, what).encode())
        return
    finds = finds_in(text, what)
    if json:
        typer.echo(msgspec.json.encode(finds))
    else:
        line, start = 1, 0
        for find in finds:
            line += text.count("\n", start, find.start)
            start = find.start
            column = find.start - text.rfind("\n", 0, find.start)
            typer.echo(f"{file}:{line}:{column}: {find.kind.value}, {find.end - find.start} characters")
        if not finds:
            typer.echo(f"✓ {file}: nothing found")
    raise typer.Exit((Verdict.VIOLATED if finds else Verdict.HOLDS).exit_code)


def _what(kinds: list[str] | None, regions: list[str] | None) -> "Scan":
    from flk.model.personal.find import Kind
    from flk.model.personal.scan import EVERYTHING, Scan

    try:
        chosen = frozenset(map(Kind, kinds)) if kinds else EVERYTHING.kinds
    except ValueError:
        raise UnusableInput(f"--kind: one of {', '.join(sorted(Kind))}") from None
    try:
        return Scan(chosen, tuple(each.upper() for each in regions) if regions else EVERYTHING.regions)
    except ValueError as error:
        raise UnusableInput(f"--region: {error}") from None


def _read(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
        return data.decode()
    except OSError as error:
        raise UnusableInput(f"{file}: cannot be read ({error.strerror}); name a file that can") from None
    except UnicodeDecodeError as error:
        raise UnusableInput(f"{file}: byte {error.start} is not UTF-8; convert the text first") from None
