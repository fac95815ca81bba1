"""The command's tree: one module for each subcommand, or for each group of them."""

from typing import Annotated

import typer

from flk.spec import __version__

MODULES = (
    "lab",
    "sim.run",
    "sim.scenario",
    "sim.sweep",
    "sim.hunt",
    "sim.shrink",
    "sim.replay",
    "formal.explore",
    "formal.export",
    "formal.validate",
    "formal.prove",
    "formal.claims",
    "mutation.mutate",
    "spec",
    "impl.agent",
    "impl.serve",
    "impl.keys",
    "conformance.conform",
    "bench.bench",
)
"""Modules of this package that add themselves to `app` when imported, in the order in which `flk --help` lists them."""

app = typer.Typer(
    name="flk",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Prove, simulate, attack and conformance-test a replicated verification service, and run that service.",
)


def _version(wanted: bool) -> None:  # noqa: FBT001  (a callback of typer takes the option's value)
    if wanted:
        typer.echo(f"flk-lab {__version__}")
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a subcommand. `version` is used by its callback."""
