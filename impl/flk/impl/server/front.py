"""What a node listens on: for everybody, and for its operators on an address of their own if there is one (API-6)."""

import socket
from collections.abc import Callable
from functools import partial

import msgspec

from flk.impl.access import Access
from flk.impl.http.descriptors import raise_limit
from flk.impl.http.listener import Listener
from flk.impl.http.origins import fields_for
from flk.impl.http.router import Methods, reading
from flk.impl.server.admin import LIMITS, Admin, Serving
from flk.impl.server.admission import Admission
from flk.impl.server.audit_log import EVERYTHING, AuditLog
from flk.impl.server.live_keys import LiveKeys
from flk.impl.server.metrics import Metrics
from flk.impl.server.probes import Probes
from flk.impl.server.progress import Progress
from flk.impl.server.reload import Reload
from flk.impl.server.replicator import Replicator
from flk.impl.server.routes import Service
from flk.impl.server.ruling import rulings
from flk.impl.server.runtime import Runtime
from flk.impl.server.scrapes import Scrapes
from flk.impl.server.securing import within_tls
from flk.impl.server.settings import Settings
from flk.impl.server.shadow import Shadow
from flk.impl.server.status import Status
from flk.impl.storage.inspecting import Inspected
from flk.impl.storage.objects import Objects
from flk.impl.telemetry.telling import Untold
from flk.model.effects import INBOX
from flk.model.programs.examine import Here
from flk.spec.errors import UnusableInput


class Front:
    """The listeners of a node. Raises UnusableInput for an access file, an origin or an address that cannot be used.

    What can be answered of a node that starts is answered from `listen` on, the rest from `serve` on.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, progress: Progress, reload: Reload, telling: Untold
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._telling = telling
        self._access = Access(settings.access) if settings.access is not None else None
        if self._access is not None:
            reload.add("access", self._access)
        self._pages = settings.allow_origin is not None
        fields = fields_for(settings.allow_origin) if settings.allow_origin is not None else b""
        connections = raise_limit(settings.http)
        scrapes = Scrapes(metrics, settings.http.metrics_gap_seconds)
        self._scrapes = scrapes if settings.admin_port is None else None
        starting = {EVERYTHING: reading(lambda _, respond: respond(probes.not_yet()))} if settings.audit else {}
        probes = Probes(metrics, progress, self._scrapes, self._access, pages=self._pages, further=starting)
        self._refuse = probes.refuse
        self._bound = _bind(settings.host, settings.port, "")
        tls = within_tls(settings.tls, "public", metrics, reload)
        self.public = Listener(telling.requests(probes), settings.http, connections, fields, tls)
        self._admin: Admin | None = None
        if settings.admin_port is not None and self._access is not None:
            self._bound_for_operators = _bind(settings.admin_host, settings.admin_port, "admin-")
            self._admin = Admin(probes, self._access, scrapes, reload)
            limits = msgspec.structs.replace(settings.http, max_connections=LIMITS.max_connections)
            self._operators = Listener(
                self._admin, limits, tls=tls and within_tls(settings.tls, "admin", metrics, reload)
            )

    @property
    def url(self) -> str:
        """Where everybody is answered."""
        return _url(self._bound, self._settings)

    async def listen(self, say: Callable[[str], None]) -> None:
        """Answer what can be answered while a node starts."""
        if self._admin is not None:
            await self._operators.listen(self._bound_for_operators)
            say(f"operators are answered on {_url(self._bound_for_operators, self._settings)}")
        await self.public.listen(self._bound)

    def serve(
        self,
        runtime: Runtime,
        examined: LiveKeys,
        admission: Admission,
        replicator: Replicator,
        objects: Objects | None,
    ) -> None:
        """The node serves: answer everything."""
        settings, node = self._settings, runtime.node
        further: dict[str, Methods] = {}
        if (audit := settings.auditing) is not None:
            further = AuditLog(settings.region, audit.signer.verifier, node.perform).paths(self._access, self._refuse)
        stated_at = partial(node.disk.stated_at, INBOX)
        shadow = Shadow(
            Here(examined.doubting(self._metrics.doubted), stated_at), stated_at, examined.ruling, node.metrics
        )
        service = Service(
            runtime,
            settings.region,
            shadow,
            admission,
            self._scrapes,
            replicator.behind,
            self._access,
            pages=self._pages,
            limits=settings.http,
            further=further,
        )
        if self._admin is not None:
            path, weaker = settings.data / "entries.sqlite", settings.accept_weaker_store
            shards = Inspected(node.store, settings.region, settings.store, path, accept_weaker=weaker)
            status = Status(node, replicator, shadow, settings.keys, settings.tenants)
            self._admin.public = service
            self._admin.serving = Serving(
                service.outcomes, shards, objects, status.sections, rulings(runtime, lambda: examined.policy_keys)
            )
        self.public.pool.handler = self._telling.requests(service)

    async def close(self) -> None:
        """Answer operators no more; they are the last."""
        if self._admin is not None:
            await self._operators.close()


def _url(bound: socket.socket, settings: Settings) -> str:
    host, port = bound.getsockname()[:2]
    return f"{'http' if settings.tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{port}"


def _bind(host: str, port: int, prefix: str) -> socket.socket:
    """A socket to listen on. Raises UnusableInput if the address is taken or not this machine's."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        raise UnusableInput(
            f"cannot listen on {host}:{port}: {error.strerror};"
            f" choose another --{prefix}host or --{prefix}port (0: any free one)"
        ) from None
    return bound
