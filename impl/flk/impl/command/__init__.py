"""The `flk` command. Each subcommand imports the rooms it needs when it runs, so that `flk --help` is instant."""

import sys
from importlib import import_module

from flk.impl.command.app import MODULES, app
from flk.spec.errors import UnusableInput


def main() -> None:
    """Run the command. Exit code 0: holds, 1: violated, 2: undecided or unusable input."""
    for module in MODULES:
        import_module(f"flk.impl.command.{module}")
    try:
        app()
    except UnusableInput as error:
        sys.stderr.write(f"flk: {error}\n")
        sys.exit(2)
