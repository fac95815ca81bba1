"""Texts of strangers, shown: no control character of theirs reaches a terminal or a page."""


def printable(text: str) -> str:
    r"""Return the text with what cannot be printed escaped; XML cannot carry it either, and a terminal would obey it.

    >>> printable("\x1b[2J") == r"\x1b[2J"
    True
    """
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
