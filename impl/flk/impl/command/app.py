"""The command's tree: one module for each group of subcommands."""

import typer

app = typer.Typer(
    name="flk",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Prove, simulate, attack and conformance-test a replicated verification service, and run that service.",
)
