"""`flk declare-lost`: give up the log of a node that shares a store, so that what it had stored reaches every region."""

from typing import Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput


@app.command()
def declare_lost(
    log: Annotated[str, typer.Argument(help="The log, as eu.000003; the node said it when it started.")],
    *,
    store: Annotated[
        str,
        typer.Option(
            help="The store that it shared: postgresql://…", metavar="URL", envvar="FLK_STORE", show_envvar=True
        ),
    ],
    objects: Annotated[
        str, typer.Option(help="The object store that it shipped to: s3://bucket/prefix.", metavar="URL")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: there is no way back.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Declare the log of a node lost whose disk is gone: what it had stored and not shipped is made known to every region by a
    snapshot. Its node is refused from now on, even if it lives; interrupted, the same command goes on.
    """
    from flk.impl.data.losing import declare_lost as run
    from flk.model.refusal import Unavailable

    if not yes:
        raise UnusableInput(
            f"{log} ends where its objects end: what is on its node's disk and not in the store is given up, and the node is"
            " refused for ever, even if it lives; add --yes if that is meant"
        )
    try:
        done = run(log, store, objects)
    except Unavailable as refusal:
        raise UnusableInput(f"{refusal.detail}; give the same command again once that is mended: it goes on") from None
    if json:
        typer.echo(msgspec.json.encode(done))
    else:
        typer.echo(
            f"{log} is lost behind its first {done.shipped} segments; all that its node had stored besides is in the snapshot"
            f" {done.snapshot}, with which every region that reads the log goes on"
        )
