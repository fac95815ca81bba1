"""The command's tree: one module for each subcommand, or for each group of them."""

import errno
import os
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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
    "impl.drill",
    "impl.limits",
    "impl.config",
    "impl.keys",
    "impl.token",
    "impl.tenants",
    "impl.pii",
    "impl.policy",
    "impl.data",
    "impl.lost",
    "impl.migrate",
    "impl.divergence",
    "impl.audit",
    "impl.anchors",
    "impl.audit_work",
    "impl.erasing",
    "impl.evidence",
    "conformance.conform",
    "conformance.compare",
    "conformance.browser",
    "bench.bench",
    "bench.age",
    "bench.languages",
    "bench.personal",
)
"""Modules of this package that add themselves to `app` when imported, in the order in which `flk --help` lists them."""

INTERNAL, UNREAD = 70, 141
"""Exit codes of a defect of the lab (EX_SOFTWARE of sysexits.h), and of output that nobody reads any more (SIGPIPE)."""
DEBUG = "FLK_DEBUG"
"""The environment variable that `--debug` sets, so that worker processes know of it too."""


class _Group(TyperGroup):
    """The group of all subcommands."""

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand. A reader that has gone, as in `flk … | head`, is no violation, whose exit code click would take."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still to be flushed goes nowhere
            raise typer.Exit(UNREAD) from None


app = typer.Typer(
    name="flk",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Prove, simulate, attack and conformance-test a replicated verification service, and run that service.",
)


def _version(wanted: bool) -> None:  # noqa: FBT001  (a callback of typer takes the option's value)
    if wanted:
        typer.echo(f"flk-lab {__version__}")
        raise typer.Exit


def debugging() -> bool:
    """Whether the traceback of an internal error is wanted."""
    return bool(os.environ.get(DEBUG))


def _debug(wanted: bool) -> None:  # noqa: FBT001  (a callback of typer takes the option's value)
    if wanted:
        os.environ[DEBUG] = "1"


@app.callback()
def common(
    *,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an internal error (exit code 70).", callback=_debug),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a subcommand. They are used by their callbacks."""
