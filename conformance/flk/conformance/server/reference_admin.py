"""The operators' side of the reference server, on an address of its own (API-6). A defect is a subclass that overrides one step."""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import msgspec

from flk.conformance.server.reference import NO_METHOD, NO_PATH, NO_TOKEN, ReferenceNode, Told, listening
from flk.model.flow.submission import refuse
from flk.model.log.frames import Stated
from flk.model.log.hlc import ZERO
from flk.model.policies.reading import read
from flk.model.policies.ruling import Change, Kind, changed, decoded, encoded
from flk.model.policies.signing import require_signed
from flk.model.refusal import Malformed, Refused
from flk.spec.constants import CONSTANTS

SHARD = "only"
PAGE = b"<!doctype html><html><head><title>node</title></head><body><h1>ready</h1></body></html>"
_REGION = re.compile("[A-Za-z0-9][A-Za-z0-9_-]*")
_SHARDS = re.compile("/admin/shards/([^/]+)(/sample)?")


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of policies that is asked for."""

    kind: Kind
    policy: msgspec.Raw = msgspec.Raw()
    version: str = ""
    share: int = 0


class ReferenceAdmin:
    """What operators of a node are told."""

    body = b""
    """That of the request that is being answered."""

    def __init__(self, node: ReferenceNode, token: str) -> None:
        self.node = node
        self.token = token

    def answer(self, method: str, target: str, authorization: str) -> Told:
        """The answer to a request."""
        parts = urlsplit(target)
        if parts.path in {"/health", "/ready"}:
            return Told(200, b"OK\n")
        wanted = self.method_of(parts.path)
        if not wanted:
            return Told(404, NO_PATH)
        if method not in {wanted, *wanted.split(", ")}:
            return Told(405, NO_METHOD, {"Allow": wanted})
        if not self.permits(parts.path, authorization):
            return Told(401, NO_TOKEN, {"WWW-Authenticate": "Bearer"})
        if method == "POST" and parts.path == "/admin/policies":
            return self.changed(self.body)
        return self.told(parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)))

    def method_of(self, path: str) -> str:
        """The method that a path takes; empty if there is no such path."""
        if path == "/admin/reload":
            return "POST"
        if path == "/admin/policies":
            return "GET, POST"
        known = path in {"/metrics", "/status", "/admin/divergence"} or path.startswith(
            ("/admin/outcomes/", "/admin/shards")
        )
        return "GET" if known else ""

    def permits(self, path: str, authorization: str) -> bool:
        """Whether a request may ask that; a password counts for the page only (API-8)."""
        if path == "/status" and authorization.startswith("Basic "):
            try:
                return b64decode(authorization[6:]).decode().partition(":")[2] == self.token
            except (Error, UnicodeDecodeError):
                return False
        return authorization == f"Bearer {self.token}"

    def told(self, path: str, query: Mapping[str, str]) -> Told:
        """The answer to who is permitted."""
        if path == "/metrics":
            return Told(200, self.node.metrics().encode())
        if path == "/status":
            return self.page()
        if path == "/admin/reload":
            return _json({"files": self.read_again()})
        if path == "/admin/policies":
            return _json(decoded(self.node.stated.text))
        if path == "/admin/divergence":
            return self.differences(query.get("region"))
        if path.startswith("/admin/outcomes/"):
            return self.outcome(*path.removeprefix("/admin/outcomes/").split("/", 1))
        return self.of_shards(path, query)

    def changed(self, body: bytes) -> Told:
        """What holds after a change of policies, or why it is refused (POL-5, POL-6, POL-10)."""
        try:
            made = changed(decoded(self.node.stated.text), self.change(body), ZERO)
        except Refused as refusal:
            response = refuse(refusal)
            return Told(response.status, response.body)
        self.node.stated = Stated(ZERO, encoded(made))
        return _json(made)

    def change(self, body: bytes) -> Change:
        """What a body asks for. Raises Refused."""
        try:
            asked = msgspec.json.decode(body, type=_Asked)
        except msgspec.DecodeError as error:
            raise Malformed("POL-1", f"no change of policies: {error}") from None
        if not asked.policy:
            return Change(asked.kind, "operator", version=asked.version, share=asked.share)
        reading = read(bytes(asked.policy))
        if reading.policy is None:
            raise Malformed("POL-2", str(reading.mistakes[0]), field=reading.mistakes[0].field)
        require_signed(reading.policy, self.node.keyring.policy_keys)
        return Change(asked.kind, "operator", reading.policy, asked.version, asked.share)

    def page(self) -> Told:
        """The status page."""
        return Told(200, PAGE, {"Content-Type": "text/html", "Content-Security-Policy": "default-src 'none'"})

    def read_again(self) -> list[dict[str, str]]:
        """What came of each file."""
        return [{"what": "keys", "file": "keys.toml", "wrong": ""}]

    def differences(self, region: str | None) -> Told:
        """What is proposed; of one region, nothing."""
        if region is not None and not _REGION.fullmatch(region):
            return _malformed("region")
        return _json({"proposals": []})

    def outcome(self, tenant: str, pcs_id: str) -> Told:
        """What is stored of a record."""
        response = self.node.recall(tenant, pcs_id)
        return Told(response.status, response.body)

    def of_shards(self, path: str, query: Mapping[str, str]) -> Told:
        """What is told of the only shard."""
        held: dict[str, object] = {"name": SHARD, "share": 1.0, "entries": len(self.node.entries.entries)}
        if path == "/admin/shards":
            return _json({"shards": [held], "moving": False})
        if path == "/admin/shards/health":
            return _json({"shards": [{"name": SHARD, "answers": True, "seconds": 0.0}]})
        if path == "/admin/shards/find":
            return _json({"shard": SHARD, "other": None})
        found = _SHARDS.fullmatch(path)
        if found is None or found[1] != SHARD:
            return Told(404, NO_PATH)
        return self.sample(query.get("size", "10")) if found[2] else _json({**held, "superseded": 0})

    def sample(self, size: str) -> Told:
        """Some keys."""
        if not size.isdecimal() or not 1 <= int(size) <= CONSTANTS.admin.max_sample_size:
            return _malformed("size")
        keys = list(self.node.entries.entries)[: int(size)]
        return _json({"name": SHARD, "keys": [key._asdict() for key in keys]})


class AdminHandler(BaseHTTPRequestHandler):
    """The HTTP side, which `operating` sets."""

    admin: ReferenceAdmin
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def handle_any(self) -> None:
        """One request."""
        self.admin.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = self.admin.answer(self.command, self.path, self.headers.get("Authorization", ""))
        self.send_response(told.status)
        for name, value in {**told.headers, "Content-Length": str(len(told.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told.body)

    do_GET = do_POST = handle_any

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def operating(admin: ReferenceAdmin) -> AbstractContextManager[str]:
    """Answer operators on loopback; the base URL."""
    return listening(type("BoundHandler", (AdminHandler,), {"admin": admin}))


def _json(value: object) -> Told:
    return Told(200, msgspec.json.encode(value), {"Content-Type": "application/json"})


def _malformed(field: str) -> Told:
    response = refuse(Malformed("API-7", f"{field} is none", field=field))
    return Told(response.status, response.body)
