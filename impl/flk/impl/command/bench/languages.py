"""`flk bench sdk`: signatures a second in each language that has an SDK."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flk.impl.command.bench.bench import Json, bench


@bench.command(epilog="Example: flk bench sdk --seconds 30")
def sdk(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to measure.")] = 20.0,
    sdks: Annotated[
        Path | None,
        typer.Option(help="The folder of the SDKs; by default that of the checkout.", exists=True, file_okay=False),
    ] = None,
    json: Json = False,
) -> None:
    """Signatures a second of the reference SDKs, beside the model in Python: sign and authenticate, HMAC and Ed25519.

    Each is built first, and measures itself: one record after another, from its fields to its signature, or to whether that is
    authentic, by a clock of real time; not its start, JSON or pipes. They take turns; medians over rounds. An SDK whose tools are
    not here is not measured, and the reason told.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from flk.impl.bench.sdk import built, measure
    from flk.impl.bench.sdks import folder
    from flk.impl.command.bench import tables

    with Console(stderr=True).status("") as status, TemporaryDirectory() as out:
        commands, why = built(sdks or folder(), Path(out), status.update)
        report = measure(commands, why, seconds, status.update)
    if json:
        rows = [figure._asdict() for figure in report.figures]
        typer.echo(msgspec.json.encode({"figures": rows, "unmeasured": report.unmeasured}))
        return
    Console().print(tables.languages(report))
