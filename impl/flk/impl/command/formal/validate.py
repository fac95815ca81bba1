"""`flk validate`: is what a system did, told by a log of events, a path that a protocol allows?"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.formal.subject import protocol_names
from flk.spec.errors import UnusableInput

EXAMPLES = """\
Examples: flk validate two-phase-commit events.jsonl --hidden TMRcvPrepared

flk serve --trace eu.jsonl …, and then: flk validate ingest eu.jsonl

flk validate shared-store one.jsonl two.jsonl three.jsonl

flk validate replication eu.jsonl us.jsonl

What a line of events says: `python -m pydoc flk.formal.traces`; how effects of nodes become events:
the page "Traces of a server".
"""


@app.command(epilog=EXAMPLES)
def validate(
    name: Annotated[str, typer.Argument(help="A protocol, or a Python file.", autocompletion=protocol_names)],
    trace: Annotated[
        list[Path],
        typer.Argument(help="A trace of events, - for standard input; or traces that `flk serve --trace` wrote."),
    ],
    *,
    hidden: Annotated[list[str] | None, typer.Option(help="An action that may happen unseen before any event.")] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="Steps to try, at most, to explain an event, and events to go back over.")
    ] = 100_000,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Follow a trace through a protocol; where that cannot be, name the event, the false guard and the nearest possible steps.

    Exit code 0: accepted; 1: rejected; 2: undecided within the limit, or unusable input.
    """
    from flk.formal.api.subject import find
    from flk.formal.api.validating import validate as followed
    from flk.formal.traces.relaxations import origin_of

    protocol = find(name)
    events, source = _events(trace, origin_of(protocol).name)
    found = followed(protocol, events, source=source, hidden=hidden or (), limit=limit)
    typer.echo(msgspec.json.encode(found) if json else str(found))
    raise typer.Exit(found.verdict.exit_code)


def _events(traces: Sequence[Path], protocol: str) -> tuple[Path | Iterable[bytes], str]:
    """The events, as they are or as nodes' traces tell them, and what they are called."""
    from flk.impl.server.trace_reader import encoded, events_of, is_of_nodes, unseen

    if len(traces) == 1 and str(traces[0]) == "-":
        return sys.stdin.buffer, "standard input"
    if all(map(is_of_nodes, traces)):
        for note in filter(None, map(unseen, traces)):
            typer.echo(f"note: {note}", err=True)
        return encoded(events_of(traces, protocol)), f"events of {', '.join(map(str, traces))}"
    if len(traces) > 1:
        raise UnusableInput(f"{', '.join(map(str, traces))}: events come in one trace; only traces of nodes are joined")
    return traces[0], str(traces[0])
