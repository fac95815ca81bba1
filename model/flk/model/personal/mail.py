"""Mail addresses: RFC 5321 as people write them, with letters of every script (RFC 6531)."""

from collections.abc import Iterator

from flk.model.personal.find import Kind, Span
from flk.model.personal.folding import LETTER, Folded
from flk.model.personal.patterns import pattern

ADDRESS = pattern(r"""("[^"\n@]{1,62}"|[A-Za-z0-9\xe9_.%+&'~#-]{1,64})(@)([A-Za-z0-9\xe9_.-]{3,253})""")
_LOCAL = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.%+&'~#-") | {LETTER}
_LEADING = b".'&-#%~"
MAX_LABEL = 63

RESERVED = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
"""Domains that are nobody's, with all below them (RFC 2606, RFC 6761)."""

FILES = frozenset({"png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "json", "html", "py", "txt"})
"""Last labels that name files, as in `icon@2x.png`. Those of them that are countries' (`.py`) have a second label below."""


def addresses(folded: Folded) -> Iterator[Span]:
    """The mail addresses that are somebody's. One `@` makes one candidate."""
    shape, at = folded.shape, 0
    while match := ADDRESS.search(shape, at):
        at = match.end(2)
        start, end = match.start(1), _end_of_domain(folded.text, *match.span(3))
        if start and shape[start - 1] in _LOCAL and shape[start] != ord('"'):
            continue  # longer than a local part may be
        while start < match.start(2) and shape[start] in _LEADING:
            start += 1
        if end and start < match.start(2) and shape[match.start(2) - 1] != ord("."):
            yield Span(start, end, Kind.EMAIL)


def _end_of_domain(text: str, start: int, end: int) -> int:
    """Where the longest domain ends that begins at `start`; 0 if there is none, or if it is nobody's."""
    labels = text[start:end].lower().split(".")
    for count in range(len(labels), 1, -1):
        some = labels[:count]
        if all(map(_is_label, some)) and _is_top(some[-1]):
            if some[-1] in FILES and count == 2:
                return 0
            domain = ".".join(some)
            return 0 if f".{domain}".endswith(_RESERVED) else start + len(domain)
        if len(labels) - count > _MOST_CUT:
            break
    return 0


_RESERVED = tuple(f".{domain}" for domain in RESERVED)
_MOST_CUT = 4  # labels that may follow a domain without a space, as in `x@y.org.Then`


def _is_label(label: str) -> bool:
    return 0 < len(label) <= MAX_LABEL and not label.startswith("-") and not label.endswith("-")


def _is_top(label: str) -> bool:
    return label.startswith("xn--") or (len(label) > 1 and label.isalpha())
