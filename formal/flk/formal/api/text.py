"""Results as plain text."""

from io import StringIO
from shutil import get_terminal_size

from rich.console import Console, RenderableType


def plain(shown: RenderableType) -> str:
    """What a terminal of this width shows, without colours and without blanks at the ends of lines."""
    console = Console(
        file=StringIO(), width=get_terminal_size((100, 24)).columns, highlight=False, markup=False, force_jupyter=False
    )
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().splitlines())
