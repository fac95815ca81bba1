"""Which files TLS takes. What is in them is judged by `flk.impl.server.certificates`, which who needs no TLS need not import."""

from pathlib import Path

import msgspec

from flk.spec.errors import UnusableInput


class TlsFiles(msgspec.Struct, frozen=True):
    """PEM files: the certificate, followed by those that signed it; its key; and whose clients are taken, if not everybody."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


def tls_files(certificate: Path | None, key: Path | None, client_ca: Path | None) -> TlsFiles | None:
    """The files that were named, None if none was. Raises UnusableInput if some are missing."""
    if certificate is not None and key is not None:
        return TlsFiles(certificate, key, client_ca)
    if certificate is None and key is None and client_ca is None:
        return None
    missing = "--tls-certificate" if certificate is None else "--tls-key"
    raise UnusableInput(f"{missing}: TLS needs a certificate and its key; name the file")
