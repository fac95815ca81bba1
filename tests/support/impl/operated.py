"""A server with an admin listener, tokens of each kind, and clients of both listeners."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.impl.client import Client, Reply, keys_of

from flk.impl.access import Role, add_token
from flk.impl.server.process import ServerProcess, server_process
from flk.model.flow.answers import OUTCOMES_PATH

SAID = "operators are answered on "


class Operated(NamedTuple):
    """The server, and whom to ask with which token."""

    server: ServerProcess
    public: Client
    admin: Client
    tokens: dict[str, str]
    access: Path

    @property
    def admin_url(self) -> str:
        """Where operators are answered."""
        return next(line.removeprefix(SAID) for line in self.server.said if line.startswith(SAID))

    def ask(self, path: str, who: str = "operator", method: str = "GET") -> Reply:
        """What the admin listener answers who has that token; nobody has none."""
        return self.admin.request(method, path, None, self.bearer(who))

    def outcome(self, pcs_id: str, who: str = "default") -> Reply:
        """What everybody's listener answers to a question for an outcome."""
        return self.public.request("GET", f"{OUTCOMES_PATH}/{pcs_id}", None, self.bearer(who))

    def bearer(self, who: str) -> dict[str, str]:
        """The header of a request with that token."""
        return {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}


@contextmanager
def operated(directory: Path, options: Sequence[str] = (), tls: ssl.SSLContext | None = None) -> Iterator[Operated]:
    """Such a server on a new or old data directory, asked within TLS if it speaks that."""
    access = directory / "access.toml"
    access.unlink(missing_ok=True)
    tokens = {str(role): add_token(access, str(role), role, None) for role in (Role.OPERATOR, Role.METRICS)}
    tokens |= {tenant: add_token(access, tenant, Role.TENANT, tenant) for tenant in ("default", "other")}
    administered = ["--access", str(access), "--admin-port", "0", *options]
    with server_process(directory / "data", keys_of(directory), administered) as server:
        url = next(line.removeprefix(SAID) for line in server.said if line.startswith(SAID))
        with closing(Client(server, tls)) as public, closing(Client(server._replace(url=url), tls)) as admin:
            yield Operated(server, public, admin, tokens, access)
