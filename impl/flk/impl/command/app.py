"""The command's tree: one module for each subcommand, or for each group of them."""

import typer

MODULES = (
    "lab",
    "run",
    "scenario",
    "sweep",
    "hunt",
    "shrink",
    "replay",
    "explore",
    "export",
    "validate",
    "prove",
    "claims",
    "spec",
    "agent",
    "serve",
    "keys",
    "conform",
    "bench",
)
"""Modules of this package that add themselves to `app` when imported, in the order in which `flk --help` lists them."""

app = typer.Typer(
    name="flk",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Prove, simulate, attack and conformance-test a replicated verification service, and run that service.",
)
