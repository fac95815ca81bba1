"""Columns of tables in which nothing is cut, however narrow the terminal is."""

from rich.table import Column


def whole(header: str, *, right: bool = False) -> Column:
    """Cells stay on one line: names, verdicts, figures."""
    return Column(header, no_wrap=True, justify="right" if right else "left")


def folding(header: str) -> Column:
    """Cells go on in the next line, within a word if they must: sentences, values, commands."""
    return Column(header, overflow="fold")
