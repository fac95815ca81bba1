"""The certificate that a listener shows, and whose clients it takes: read from files, and judged before they count (TLS-4).

Each mistake is told with its fix, since what OpenSSL says of one (`KEY_VALUES_MISMATCH`, `PEM lib`) names neither file nor cause.
"""

import ssl
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from flk.impl.server.tls_files import TlsFiles
from flk.impl.storage.trouble import usable
from flk.spec.errors import UnusableInput

PROTOCOL = "http/1.1"


class Credentials(NamedTuple):
    """What a listener needs, and until when its first certificate to expire counts."""

    context: ssl.SSLContext
    expires: datetime


class LiveCertificates:
    """The credentials that the files had when they were last read. Raises UnusableInput as `load` does."""

    def __init__(self, files: TlsFiles, now: Callable[[], float] = time.time) -> None:
        self._files = files
        self._now = now
        self._current = load(files, now())

    @property
    def path(self) -> Path:
        """The file of the certificate."""
        return self._files.certificate

    def context(self) -> ssl.SSLContext:
        """For connections that begin now."""
        return self._current.context

    def reload(self) -> None:
        """Read the files again. Raises UnusableInput, with all as it was, if there is a mistake in them."""
        self._current = load(self._files, self._now())

    def expires_in(self) -> float:
        """Seconds for which all certificates still count."""
        return self._current.expires.timestamp() - self._now()


def load(files: TlsFiles, now: float) -> Credentials:
    """Read the files and judge them at a moment. Raises UnusableInput, naming the file and the fix."""
    chain = _certificates(files.certificate)
    _require_key(files, chain)
    _require_order(files.certificate, chain)
    moment = datetime.fromtimestamp(now, UTC)
    trusted = _trusted(files.client_ca)
    for path, certificates in ((files.certificate, chain), (files.client_ca, trusted)):
        for one in certificates:
            _require_valid(path, one, moment)
    return Credentials(_context(files), min(one.not_valid_after_utc for one in (*chain, *trusted)))


def _context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with the ciphers that Python takes for safe."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([PROTOCOL])
    try:
        context.load_cert_chain(files.certificate, files.key)
        if files.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(files.client_ca)
    except ssl.SSLError as error:
        raise UnusableInput(
            f"{files.certificate}: OpenSSL does not take it: {error.reason}; fix: a key of RSA with 2048 bits or more, or of P-256"
        ) from None
    return context


def _certificates(path: Path) -> Sequence[x509.Certificate]:
    with usable(path):
        text = path.read_bytes()
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError as error:
        raise UnusableInput(
            f"{path}: no certificates in PEM: {error}; fix: a file of -----BEGIN CERTIFICATE----- blocks"
        ) from None


def _trusted(path: Path | None) -> Sequence[x509.Certificate]:
    """The authorities of the clients. Each is one, else OpenSSL would refuse every client later and say nothing now."""
    if path is None:
        return ()
    found = _certificates(path)
    for one in found:
        if not _is_authority(one):
            raise UnusableInput(
                f"{path}: {_name(one)} is no certificate authority; fix: give the certificate of who signs the clients'"
            )
    return found


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _require_order(path: Path, chain: Sequence[x509.Certificate]) -> None:
    """Each certificate is signed by the next: clients that do not sort them would refuse others (RFC 5246, section 7.4.2)."""
    for signed, signer in pairwise(chain):
        try:
            signed.verify_directly_issued_by(signer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise UnusableInput(
                f"{path}: {_name(signed)} is not signed by {_name(signer)}, which follows it;"
                " fix: the server's certificate first, and behind each the one that signed it"
            ) from None


def _require_key(files: TlsFiles, chain: Sequence[x509.Certificate]) -> None:
    with usable(files.key):
        text = files.key.read_bytes()
    try:
        key = load_pem_private_key(text, password=None)
    except TypeError:
        raise UnusableInput(
            f"{files.key}: the key has a passphrase, which a server has nobody to ask for;"
            f" fix: openssl pkey -in {files.key} -out plain.pem, and chmod 600"
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableInput(
            f"{files.key}: no private key in PEM: {error}; fix: the file of the certificate's key"
        ) from None
    mine = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    owners = [
        one for one in chain if one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == mine
    ]
    if not owners:
        raise UnusableInput(
            f"{files.key}: is not the key of {_name(chain[0])} in {files.certificate}; fix: give both of one pair"
        )
    if owners[0] is not chain[0]:
        raise UnusableInput(
            f"{files.certificate}: begins with {_name(chain[0])}, and {files.key} is the key of {_name(owners[0])} behind it;"
            " fix: the server's certificate first"
        )


def _require_valid(path: Path | None, certificate: x509.Certificate, now: datetime) -> None:
    if now >= certificate.not_valid_after_utc:
        raise UnusableInput(
            f"{path}: {_name(certificate)} expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; fix: renew it"
        )
    if now < certificate.not_valid_before_utc:
        raise UnusableInput(
            f"{path}: {_name(certificate)} counts from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC on;"
            " fix: wait until then, or set this machine's clock"
        )


def _name(certificate: x509.Certificate) -> str:
    return f"the certificate of {certificate.subject.rfc4514_string() or 'nobody'}"
