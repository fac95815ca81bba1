"""Pages of other origins: what their browsers must be told before they show a page the answers (HTTP-11; Fetch, section 3.3).

A server names one origin or all. So every answer, also to what is no request, has the same fields, and none depends on who asks.
"""

import re

from flk.impl.http.messages import Headers
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

ANY = "*"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_SENT = b"content-type, x-tenant-id"
"""The fields of a request that a page may set only if they are named."""


def fields_for(origin: str) -> bytes:
    r"""The fields of every answer of a server that answers pages of this origin, or of any. Raises UnusableInput if it is none.

    >>> fields_for("https://lab.example")
    b'access-control-allow-origin: https://lab.example\r\naccess-control-expose-headers: retry-after\r\n'
    """
    if origin != ANY and not _is_origin(origin):
        raise UnusableInput(
            f"{origin!r} is no origin: it is written as browsers do, https://lab.example or http://localhost:3000,"
            f" in lower case, without a path and without the usual port; {ANY} stands for all"
        )
    return f"access-control-allow-origin: {origin}\r\naccess-control-expose-headers: retry-after\r\n".encode()


def _is_origin(text: str) -> bool:
    scheme = text.partition(":")[0]
    usual = _DEFAULT_PORTS.get(scheme)
    return _ORIGIN.fullmatch(text) is not None and not (usual and text.endswith(usual))


def preflight(methods: bytes) -> Headers:
    """What a browser is told that asks beforehand whether a page may send one of these methods."""
    return {
        b"allow": methods,
        b"access-control-allow-methods": methods,
        b"access-control-allow-headers": _SENT,
        b"access-control-max-age": b"%d" % CONSTANTS.http.preflight_seconds,
    }
