"""A certificate authority that signs for minutes, on loopback: for benchmarks and tests, and for nothing else."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from flk.impl.server.tls_files import TlsFiles

LOOPBACK = "127.0.0.1"
DAYS = 30.0


class Pair(NamedTuple):
    """A certificate with those that signed it, and its key: PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates, and is signed by a parent if it has one."""

    def __init__(self, name: str = "a test authority", parent: "Authority | None" = None) -> None:
        self._key = generate_private_key(SECP256R1())
        self._parent = parent
        self.certificate = self._signed(name, self._key, parent or self, DAYS, authority=True, begins=-1.0)

    def issue(self, directory: Path, name: str = LOOPBACK, days: float = DAYS, begins: float = -1.0) -> Pair:
        """A new pair of files for loopback, which counts from `begins` to `days` days after now."""
        key = generate_private_key(SECP256R1())
        own = self._signed(name, key, self, days, authority=False, begins=begins)
        made = Pair(directory / f"{name}.pem", directory / f"{name}.key")
        made.certificate.write_bytes(_pem(own) + b"".join(_pem(one.certificate) for one in self._intermediates()))
        made.key.touch(mode=0o600)
        made.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return made

    def root(self, directory: Path) -> Path:
        """The file by which others know whom this authority signed for."""
        if self._parent is not None:
            return self._parent.root(directory)
        path = directory / "ca.pem"
        path.write_bytes(_pem(self.certificate))
        return path

    def client(self, directory: Path, pair: Pair | None = None) -> ssl.SSLContext:
        """What a client connects by that takes this authority's servers, with a certificate of its own if it has one."""
        context = ssl.create_default_context(cafile=self.root(directory))
        if pair is not None:
            context.load_cert_chain(*pair)
        return context

    def server(self, directory: Path, *, mutual: bool = False) -> TlsFiles:
        """The files of a server on loopback; if mutual, it takes clients of this authority only."""
        return TlsFiles(*self.issue(directory), self.root(directory) if mutual else None)

    def _intermediates(self) -> list["Authority"]:
        return [] if self._parent is None else [self, *self._parent._intermediates()]  # noqa: SLF001  (its own kind)

    def _signed(
        self,
        name: str,
        key: EllipticCurvePrivateKey,
        signer: "Authority",
        days: float,
        *,
        authority: bool,
        begins: float,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        subject = _name(name)
        issuer = subject if signer is self and authority else signer.certificate.subject
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=min(begins, days - 1)))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signer._key.public_key()),  # noqa: SLF001  (its own kind)
                critical=False,
            )
        )
        if authority:
            certificate = certificate.add_extension(_SIGNS, critical=True)
        else:
            names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address(LOOPBACK))])
            certificate = certificate.add_extension(names, critical=False)
        return certificate.sign(signer._key, SHA256())  # noqa: SLF001  (its own kind)


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
