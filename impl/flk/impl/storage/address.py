"""The URL of a shared store: what may be shown of it, and what never is, since it may hold a password."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from flk.spec.errors import UnusableInput

POSTGRES = ("postgresql", "postgres")
REDIS = ("redis", "rediss")
CLUSTER = ("redis+cluster", "rediss+cluster")
FORMS = "postgresql://host/database, redis://host:port, redis+cluster://host:port, ring+file:///shards.toml"
_SECRET = ("password", "sslpassword")


@dataclass(frozen=True)
class Address:
    """A store's URL. `repr`, `str` and `shown` tell neither user nor password."""

    url: str = field(repr=False)
    scheme: str
    shown: str
    _secrets: tuple[str, ...] = field(repr=False)
    hosts: int = 1
    each: tuple[str, ...] = field(default=(), repr=False)
    """A URL for each host, of a Redis."""

    def __str__(self) -> str:
        return self.shown

    def scrub(self, text: object) -> str:
        """A message of a library, on one line, without what the URL keeps to itself."""
        line = " ".join(str(text).split())
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line


def address(url: str, option: str = "--store", forms: str = FORMS) -> Address:
    """Read the URL that an option gives. Raises UnusableInput, in whose message nothing of the URL stands but its scheme."""
    try:
        parts = urlsplit(url)
        query = parse_qsl(parts.query)
        hosts = _hosts(url, parts.netloc)
    except ValueError:
        raise UnusableInput(f"{option}: not a URL; it reads like {forms}") from None
    if parts.scheme not in (*POSTGRES, *REDIS, *CLUSTER):
        raise UnusableInput(f"{option}: {parts.scheme or 'no scheme'} is not known; it reads like {forms}")
    kept = [value for name, value in query if name in _SECRET]
    userinfo = [parts.netloc.rpartition("@")[0] if parts.password else None, parts.password]
    found = {form for secret in (*userinfo, *kept) if secret for form in (secret, unquote(secret))}
    longest_first = tuple(sorted(found | {url}, key=len, reverse=True))
    shown = f"{parts.scheme}://{hosts}{parts.path}"
    return Address(url, parts.scheme, shown, longest_first, _count(parts, query), tuple(_each(parts)))


def _each(parts: SplitResult) -> Iterator[str]:
    userinfo, at, hosts = parts.netloc.rpartition("@")
    for host in hosts.split(","):
        yield parts._replace(netloc=f"{userinfo}{at}{host}").geturl()


def _count(parts: SplitResult, query: Sequence[tuple[str, str]]) -> int:
    """How many hosts a URL names."""
    named = [value for name, value in query if name in {"host", "hostaddr"}]
    return max(text.count(",") + 1 for text in (parts.netloc.rpartition("@")[2], *named))


def _host(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return host if parts.port is None else f"{host}:{parts.port}"


def _hosts(url: str, netloc: str) -> str:
    """The hosts of a server, of which a URL may name several: one of them takes writes. Raises ValueError."""
    each = netloc.rpartition("@")[2].split(",")
    return ",".join(_host(urlsplit(f"{url.partition(':')[0]}://{host}")) for host in each)
