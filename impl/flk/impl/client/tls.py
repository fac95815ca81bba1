"""What a client trusts, and how it shows who it is, over TLS."""

import ssl
from os import PathLike
from typing import NamedTuple

from flk.spec.errors import UnusableInput

File = str | PathLike[str]


class Tls(NamedTuple):
    """The authority whose certificates count (None: those of the system), and the client's own certificate and its key."""

    ca: File | None = None
    certificate: tuple[File, File] | None = None

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 at least, names checked. Raises UnusableInput for a file that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(*self.certificate)
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(str(file) for file in (self.ca, *(self.certificate or ())) if file is not None)
            raise UnusableInput(
                f"{files}: {error}; give certificates and the key that belongs to them, in PEM"
            ) from None
        return context
