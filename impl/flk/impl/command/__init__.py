"""The `flk` command: one folder for the subcommands of each room, and here what they share.

A subcommand reads its options, calls its room, and prints; what it prints about is computed there. It imports the room when it
runs, so that `flk --help` is instant and a command works without the extras that others need.
"""

import sys
from importlib import import_module

from flk.impl.command.app import MODULES, app
from flk.impl.command.extras import missing_extra
from flk.spec.errors import UnusableInput


def main() -> None:
    """Run the command. Exit code 0: holds, 1: violated, 2: undecided, unusable input, or an extra that is not installed."""
    for module in MODULES:
        import_module(f"flk.impl.command.{module}")
    try:
        app()
    except UnusableInput as error:
        _give_up(error)
    except ModuleNotFoundError as error:
        missing = missing_extra(error)
        if missing is None:
            raise
        _give_up(missing)


def _give_up(error: UnusableInput) -> None:
    sys.stderr.write(f"flk: {error}\n")
    sys.exit(2)
