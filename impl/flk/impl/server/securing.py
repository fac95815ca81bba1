"""TLS for a listener: its certificates are read again on SIGHUP, and how long they count is told (TLS-4, TLS-5)."""

import structlog

from flk.impl.http.handshakes import Tls
from flk.impl.keys import readable_by_others
from flk.impl.server.certificates import LiveCertificates, TlsFiles
from flk.impl.server.metrics import Metrics
from flk.impl.server.reload import Reload

log = structlog.get_logger()


def within_tls(files: TlsFiles | None, listener: str, metrics: Metrics, reload: Reload) -> Tls | None:
    """What encrypts the connections of a listener of that name, None without files. Raises UnusableInput."""
    if files is None:
        return None
    certificates = LiveCertificates(files)
    if readable_by_others(files.key):
        log.warning("tls.key_readable_by_others", file=str(files.key), fix="chmod 600")
    reload.add(f"tls.{listener}", certificates)
    metrics.watch_certificate(listener, certificates.expires_in)
    return Tls(certificates.context, metrics.handshake_errors.inc)
