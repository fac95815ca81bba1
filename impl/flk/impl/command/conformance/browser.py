"""`flk conform browser`: code in a page of a real browser, as a subject of the kit."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flk.impl.command.conformance.conform import conform


@conform.command()
def browser(
    module: Annotated[
        Path,
        typer.Argument(help="A module of JavaScript that exports `answer`: from a line of the kit to the answer's."),
    ],
    *,
    root: Annotated[
        Path | None,
        typer.Option(
            help="The folder whose files the page sees; by default the module's.", exists=True, file_okay=False
        ),
    ] = None,
    browser: Annotated[
        str,
        typer.Option(
            help="The browser's command; by default the Chromium or Chrome that is found.", show_default=False
        ),
    ] = "",
    profile: Annotated[
        Path | None,
        typer.Option(
            help="Keep what the page stores in this folder, for the next page with it, which has the same address.",
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Answer the kit from a page of a headless Chromium: `flk conform sdk -- flk conform browser my_sdk.js`.

    The page imports the module, from http://127.0.0.1, where WebCrypto is allowed. What it writes to its console goes to stderr.
    The browser ends with this command, however that ends, and its profile is removed unless --profile names one: then the next page
    with it finds what this one stored, after a kill too. So the kit plays to an outbox in a page:
    `flk conform delivery -- flk conform browser --profile /tmp/profile my_sender.js`.

    Exit code 1: the browser ended, or the module threw.
    """
    from flk.conformance.browser.bridge import bridge
    from flk.conformance.browser.chromium import Lost, executable

    try:
        bridge(module, root, executable(browser), profile)
    except Lost as lost:
        sys.stderr.write(f"flk: {lost}\n")
        raise typer.Exit(1) from None
