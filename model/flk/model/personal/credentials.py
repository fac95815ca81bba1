"""Keys and secrets: private keys, the tokens of providers, passwords in addresses, and what is said to be one."""

from collections.abc import Iterator

from flk.model.personal.find import Kind, Span
from flk.model.personal.folding import MARKED, Folded
from flk.model.personal.patterns import Pattern, pattern, stands_alone

TOKEN = pattern(
    r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS
    r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{20,}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35}"
    r"|npm_[A-Za-z0-9]{36}|pypi-AgEI[A-Za-z0-9_-]{50,}|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,})"  # JSON web tokens
)
KEY = pattern(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = pattern(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_REST = pattern(r"[A-Za-z0-9+/=\s\\:,-]*")
SAID = pattern(
    r"(?i)(?:passwor[dt]|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|contrase\xe9a)"
    r"""[a-z0-9_-]{0,20}["']?\s{0,4}[:=]\s{0,4}["']?([^\s"',;\xff]{8,})"""
)
BEARER = pattern(r"(?i)\b(?:bearer|basic)\s{1,4}([A-Za-z0-9._~+/-]{16,}=*)")
IN_ADDRESS = pattern(r"(?i)\b[a-z][a-z0-9+.-]{1,15}://([^\s/:@\xff]{0,64}:[^\s/@\xff]{1,128})@")
_PLACEHOLDERS = (b"<", b"${", b"$(", b"{{", b"%(", b"***", b"xxx", b"...")


def tokens(folded: Folded) -> Iterator[Span]:
    """What has the form of a provider's token."""
    for match in TOKEN.apart(folded.shape):
        if stands_alone(folded.shape, *match.span()):
            yield Span(*match.span(), Kind.SECRET)


def keys(folded: Folded) -> Iterator[Span]:
    """From the line that begins a private key to the line that ends it; where none does, as far as it could go on."""
    shape, at, ends = folded.shape, 0, True
    while match := KEY.search(shape, at):
        end = _END.search(shape, match.end()) if ends else None
        if end is None:
            ends, end = False, _REST.search(shape, match.end())
        at = end.end() if end else match.end()
        yield Span(match.start(), at, Kind.SECRET)


def said(folded: Folded) -> Iterator[Span]:
    """What stands after a name that says so, as in `password: …`."""
    return _named(folded.shape, SAID)


def bearers(folded: Folded) -> Iterator[Span]:
    """What a request shows in its field `Authorization`."""
    return _named(folded.shape, BEARER)


def _named(shape: bytes, name: Pattern) -> Iterator[Span]:
    for match in name.apart(shape):
        if _is_chosen(shape[match.start(1) : match.end(1)]):
            yield Span(*match.span(1), Kind.SECRET)


def in_addresses(folded: Folded) -> Iterator[Span]:
    """User and password before the `@` of an address."""
    shape = folded.shape
    for match in IN_ADDRESS.apart(shape):
        if not shape[match.start(1) : match.end(1)].partition(b":")[2].startswith(_PLACEHOLDERS):
            yield Span(*match.span(1), Kind.SECRET)


def _is_chosen(value: bytes) -> bool:
    """Whether somebody chose it to be a secret: words of prose and placeholders are not."""
    if value.startswith(_PLACEHOLDERS) or MARKED in value or len(set(value)) <= 2:
        return False
    return not value.rstrip(b".!?)").isalpha() or not (value.islower() or value.istitle() or value.isupper())
