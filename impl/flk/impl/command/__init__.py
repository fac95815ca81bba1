"""The `flk` command. Each subcommand imports the rooms it needs when it runs, so that `flk --help` is instant."""

import sys

from flk.impl.command.app import app
from flk.spec.errors import UnusableInput


def main() -> None:
    """Run the command. Exit code 0: holds, 1: violated, 2: undecided or unusable input."""
    try:
        app()
    except UnusableInput as error:
        sys.stderr.write(f"flk: {error}\n")
        sys.exit(2)
