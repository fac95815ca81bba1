"""Access files: who may ask a node for what is stored, and for what it tells of itself (API-1).

    [[token]]
    id = "2026-a"
    sha256 = "…"                         # of the token, in hexadecimal; the token itself stands nowhere
    role = "tenant"                      # "tenant", "operator", or "metrics"
    tenant = "default"                   # of the role tenant: whose outcomes it reads
    not_before = 2026-01-01T00:00:00Z    # optional, RFC 3339, from this moment on
    not_after = 2027-01-01T00:00:00Z     # optional, until just before this moment

A request carries its token as `Authorization: Bearer …` (RFC 6750). Several tokens may stand for one and the same, so that whoever
has one moves to the next without a pause.
"""

import re
import secrets
import time
from base64 import b64decode
from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from flk.impl.entry_files import Form, Moment, WrongField, add_entry, read_entries, seconds
from flk.impl.http.messages import Headers
from flk.model.refusal import Refused
from flk.spec.constants import CONSTANTS

_NAME = CONSTANTS.node.tenant_pattern
_TOKEN = re.compile(rb"[A-Za-z0-9._~+/-]+=*")
_TOKEN_BYTES = 32
_REALM = 'realm="flk"'


class Role(StrEnum):
    """What a token is for: the outcomes of a tenant; all that a node tells and does; or its metrics alone."""

    TENANT = "tenant"
    OPERATOR = "operator"
    METRICS = "metrics"


class TokenEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[token]]` of an access file, as it stands there."""

    id: Annotated[str, Meta(pattern=_NAME)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    role: Role
    tenant: Annotated[str, Meta(pattern=_NAME)] | None = None
    not_before: Moment | None = None
    not_after: Moment | None = None

    def is_live(self, now: float) -> bool:
        """Whether it counts at a moment, in seconds since 1970."""
        return seconds(self.not_before, 0.0) <= now < seconds(self.not_after, float("inf"))


class AccessFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole access file."""

    token: Annotated[tuple[TokenEntry, ...], Meta(min_length=1)]


class Denied(Refused):
    """Whoever asks may not: 401 without a token that counts, 403 with one that is for something else (API-1). `challenge` is the
    value of `WWW-Authenticate`.
    """

    def __init__(self, status: HTTPStatus, detail: str, challenge: str) -> None:
        super().__init__("API-1", detail)
        self.status = status
        self.challenge = challenge


class Access:
    """Whom an access file lets in, as it was when it was last read. Raises UnusableInput as `read_access` does."""

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now
        self._entries = read_access(path)

    def reload(self) -> None:
        """Read the file again. Raises UnusableInput, with all as it was, if there is a mistake in it."""
        self._entries = read_access(self.path)

    def of(self, token: bytes) -> TokenEntry | None:
        """The entry of a token that counts now. How long it takes does not tell how much of a token was right."""
        digest, found = sha256(token).hexdigest(), None
        for entry in self._entries:
            if compare_digest(entry.sha256, digest):
                found = entry
        return found if found is not None and found.is_live(self._now()) else None

    def require(self, headers: Headers, *roles: Role, by_password: bool = False) -> TokenEntry:
        """The entry of the token that a request has, if it is for one of the roles. `by_password`: a browser may send it as the
        password of any name (RFC 7617). Raises Denied.
        """
        challenge = f"Bearer {_REALM}" + (f', Basic {_REALM}, charset="UTF-8"' if by_password else "")
        given = headers.get(b"authorization")
        if given is None:
            raise Denied(HTTPStatus.UNAUTHORIZED, "this takes a token: Authorization: Bearer …", challenge)
        token = _token_in(given, by_password=by_password)
        entry = None if token is None else self.of(token)
        if entry is None:
            raise Denied(
                HTTPStatus.UNAUTHORIZED,
                "this token does not count here",
                challenge.replace(_REALM, f'{_REALM}, error="invalid_token"', 1),
            )
        if entry.role not in roles:
            detail = f"a token of role {entry.role} is not for this; it takes one of role {' or '.join(roles)}"
            raise Denied(HTTPStatus.FORBIDDEN, detail, f'Bearer {_REALM}, error="insufficient_scope"')
        return entry


def read_access(path: Path) -> tuple[TokenEntry, ...]:
    """The entries of an access file, each of them usable. Raises UnusableInput with file, line and fix."""
    return read_entries(path, _FORM)


def add_token(path: Path, token_id: str, role: Role, tenant: str | None) -> str:
    """Make a token, add its entry to an access file, or begin one, of mode 600; the token. Raises UnusableInput as `add_entry`."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    lines = ["[[token]]", f'id = "{token_id}"', f'sha256 = "{sha256(token.encode()).hexdigest()}"', f'role = "{role}"']
    if tenant is not None:
        lines.append(f'tenant = "{tenant}"')
    add_entry(path, "\n".join(lines) + "\n", _FORM)
    return token


def _token_in(given: bytes, *, by_password: bool) -> bytes | None:
    scheme, _, credentials = given.partition(b" ")
    credentials = credentials.strip()
    if scheme.lower() == b"basic" and by_password:
        try:
            credentials = b64decode(credentials, validate=True).partition(b":")[2]
        except ValueError:
            return None
    elif scheme.lower() != b"bearer":
        return None
    return credentials if _TOKEN.fullmatch(credentials) else None


def _check(entry: TokenEntry, before: tuple[TokenEntry, ...]) -> None:
    if entry.role is Role.TENANT and entry.tenant is None:
        raise WrongField("role", "is tenant, which needs tenant: whose outcomes the token reads")
    if entry.role is not Role.TENANT and entry.tenant is not None:
        raise WrongField("tenant", f"does not belong to a token of role {entry.role}, which is for no one tenant")
    if any(entry.id == other.id for other in before):
        raise WrongField("id", "is already used; give each token its own")
    if any(entry.sha256 == other.sha256 for other in before):
        raise WrongField("sha256", "is another token's, too; make one with `flk token new`")
    if seconds(entry.not_after, float("inf")) <= seconds(entry.not_before, 0.0):
        raise WrongField("not_after", "is not after not_before; the token would never count")


_FORM = Form(
    "access file",
    "token",
    "flk token new",
    lambda text: msgspec.toml.decode(text, type=AccessFile).token,
    lambda entry: f"token {entry.id!r}",
    _check,
)
