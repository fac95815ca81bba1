"""What others wrote, for a terminal."""


def plain(text: str) -> str:
    """The text without what a terminal would obey."""
    return "".join(each if each.isprintable() else "?" for each in text)
