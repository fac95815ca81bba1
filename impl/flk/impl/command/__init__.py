"""The `flk` command: one folder for the subcommands of each room, and here what they share.

A subcommand reads its options, calls its room, and prints; what it prints about is computed there. It imports the room when it
runs, so that `flk --help` is instant and a command works without the extras that others need.
"""

import sys
import traceback
from importlib import import_module

from flk.impl.command.app import INTERNAL, MODULES, app, debugging
from flk.impl.command.extras import missing_extra
from flk.spec.errors import UnusableInput


def main() -> None:
    """Run the command. Exit code 0: holds; 1: violated; 2: undecided, unusable input, or an extra that is not installed; 70: a
    defect of the lab itself, which says nothing about what was asked; 130: interrupted; 141: nobody reads the output any more.
    """
    try:
        for module in MODULES:
            import_module(f"flk.impl.command.{module}")
        app()
    except UnusableInput as error:
        _give_up(error)
    except ModuleNotFoundError as error:
        missing = missing_extra(error)
        if missing is None:
            _own_up(error)
        else:
            _give_up(missing)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not look like a violation, exit code 1
        _own_up(error)


def _give_up(error: UnusableInput) -> None:
    sys.stderr.write(f"flk: {error}\n")
    sys.exit(2)


def _own_up(error: Exception) -> None:
    """Say that the lab has failed, not what it was asked about."""
    if debugging():
        traceback.print_exception(error)
    lines = str(error).strip().splitlines() or [""]
    what = lines[0] if len(lines) == 1 else f"{lines[0]}: {lines[-1]}"  # in between is the traceback of a worker
    sys.stderr.write(
        f"flk: internal error: {type(error).__name__}: {what}\n"
        "This is a defect of the lab, no verdict. fix: run `flk --debug …` for the traceback, and report both.\n"
    )
    sys.exit(INTERNAL)
