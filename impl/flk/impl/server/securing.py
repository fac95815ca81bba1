"""TLS for a listener: its certificates are read again on SIGHUP, and how long they count is told (TLS-4, TLS-5)."""

from typing import TYPE_CHECKING

import structlog

from flk.impl.entry_files import readable_by_others
from flk.impl.http.handshakes import Tls
from flk.impl.server.metrics import Metrics
from flk.impl.server.reload import Reload
from flk.impl.server.tls_files import TlsFiles
from flk.spec.errors import needs

if TYPE_CHECKING:
    from flk.impl.server.certificates import LiveCertificates

log = structlog.get_logger()


def within_tls(files: TlsFiles | None, listener: str, metrics: Metrics, reload: Reload) -> Tls | None:
    """What encrypts the connections of a listener of that name, None without files. Raises UnusableInput."""
    if files is None:
        return None
    shown = certificates(files)
    if readable_by_others(files.key):
        log.warning("tls.key_readable_by_others", file=str(files.key), fix="chmod 600")
    reload.add(f"tls.{listener}", shown)
    metrics.watch_certificate(listener, shown.expires_in)
    return Tls(shown.context, metrics.handshake_errors.inc)


def certificates(files: TlsFiles) -> "LiveCertificates":
    """What is in the files. Raises UnusableInput. Only who has TLS needs the library that reads them."""
    with needs("server", "TLS"):
        from flk.impl.server.certificates import LiveCertificates
    return LiveCertificates(files)
