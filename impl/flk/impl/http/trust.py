"""Whom a client of a server within TLS trusts, and what it shows in return."""

import ssl
from os import PathLike
from pathlib import Path

import msgspec

from flk.spec.errors import UnusableInput

File = str | PathLike[str]


class Trust(msgspec.Struct, frozen=True):
    """PEM files: the authorities of the servers, those of this machine unless named; and the client's own certificate, with those
    that signed it behind it, and its key, for a server that takes none without.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def pair(self) -> tuple[Path, Path] | None:
        """The client's certificate and its key, None if it has none. Raises UnusableInput for one of them alone."""
        if self.certificate is not None and self.key is not None:
            return self.certificate, self.key
        if self.certificate is None and self.key is None:
            return None
        missing = "--tls-certificate" if self.certificate is None else "--tls-key"
        raise UnusableInput(f"{missing}: a client's certificate has a key; name the file")

    def context(self) -> ssl.SSLContext:
        """What connections are made with. Raises UnusableInput, naming the file."""
        pair = self.pair
        context = _trusting(self.ca)
        if pair is not None:
            try:
                context.load_cert_chain(*pair, password=_no_passphrase)
            except (OSError, ValueError) as error:
                raise UnusableInput(
                    f"{self.certificate}, {self.key}: no certificate with its key: {error};"
                    " fix: two PEM files of one pair, the key without a passphrase"
                ) from None
        return context


def trust_of(ca: File | None = None, certificate: tuple[File, File] | None = None) -> Trust:
    """The same of files by any kind of path; the certificate with its key."""
    own, key = (None, None) if certificate is None else map(Path, certificate)
    return Trust(None if ca is None else Path(ca), own, key)


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        raise UnusableInput(f"{ca}: no authorities in PEM: {error}; fix: the file of who signed the server's") from None


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")
