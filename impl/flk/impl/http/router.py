"""Which function answers a request: by its path, then by its method (ORD-8)."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, unquote

from flk.impl.http.messages import Request, Respond

Endpoint = Callable[[Request, Respond], None]
Methods = Mapping[bytes, Endpoint]


class Router:
    """The methods of each path. A part of a path in braces, as in `/outcomes/{pcs_id}`, is a parameter, and with a star, as in
    `/tile/{tile*}`, all that is left; a path without one counts before those that have one.
    """

    def __init__(self, paths: Mapping[str, Methods]) -> None:
        self._exact = {path.encode(): methods for path, methods in paths.items() if "{" not in path}
        self._patterns = [(_pattern(path), methods) for path, methods in paths.items() if "{" in path]

    def methods(self, request: Request) -> Methods | None:
        """What the path of a request takes; None if there is no such path. What the path says is among its parameters then."""
        methods = self._exact.get(request.path)
        if methods is None:
            for pattern, found in self._patterns:
                if match := pattern.fullmatch(request.path):
                    request.parameters = {name: unquote(part) for name, part in match.groupdict().items()}
                    return found
        return methods


def reading(endpoint: Endpoint) -> Methods:
    """The methods of a path that is only read."""
    return {b"GET": endpoint, b"HEAD": endpoint}


def query(request: Request) -> dict[str, str]:
    """What the query of a request says; of a name that is given more than once the last.

    >>> query(Request(query=b"size=3&tenant=a%2Eb"))
    {'size': '3', 'tenant': 'a.b'}
    """
    return dict(parse_qsl(request.query.decode("latin-1"), keep_blank_values=True))


def _pattern(path: str) -> "re.Pattern[bytes]":
    one = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
    return re.compile(re.sub(r"\\{(\w+)\\\*\\}", r"(?P<\1>.+)", one).encode())
