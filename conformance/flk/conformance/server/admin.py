"""The operators' side of a node: who is let in, and what it tells of stores, differences and files (API-1, API-6 to API-9).

It has an address and tokens of its own. Without them nothing is asked.
"""

from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from math import isclose
from typing import Any
from urllib.parse import quote

from flk.conformance.drafts.mutations import body_of
from flk.conformance.server.check import check
from flk.conformance.server.replies import Failed, Reply
from flk.conformance.server.target import Server, expect_outcome, expect_refusal, expect_same, expect_status, strangers
from flk.model.flow.answers import SUBMIT_PATH
from flk.spec.constants import CONSTANTS

READ = ("/metrics", "/status", "/admin/divergence", "/admin/shards", "/admin/shards/health")
ESCALATED = {"budget": 0.9}
LOADS = {"script", "link", "iframe", "object", "embed", "img", "form", "base", "audio", "video"}
"""Elements that fetch something, run something, or send something."""


@check("API-1", "API-6")
def admin_asks_for_a_token(server: Server) -> None:
    """Without an operator's token every question gets 401 or 403 and how to authenticate, and nothing is read again."""
    for method, path in (*(("GET", path) for path in READ), ("POST", "/admin/reload")):
        expect_status(server.ask(path, method), 200, f"{method} {path} with the operator's token")
        for shown in strangers(server):
            reply = server.admin.request(method, path, headers=shown)
            expect_status(reply, (401, 403), f"{method} {path} without a token that counts")
            if not reply.headers.get("www-authenticate", ""):
                raise Failed(f"the {reply.status} does not say how to authenticate: {reply.headers}")


@check("API-6", "OBS-3")
def admin_is_apart(server: Server) -> None:
    """Operators are answered on their address and nowhere else, where no submission is taken and probes are answered."""
    for path in ("/health", "/ready"):
        expect_status(server.admin.request("GET", path), 200, f"GET {path} of the operators' address")
    record = server.signed(server.record())
    refused = server.admin.request("POST", SUBMIT_PATH, body_of(record), server.headers())
    expect_status(refused, (404, 405), "a submission to the operators' address")
    nothing = server.ask(_outcome(server, record))
    expect_status(nothing, 404, "a record that was sent to the operators' address only")
    for path in READ:
        reply = server.client.request("GET", path, headers=server.shown())
        expect_status(reply, 404, f"GET {path} of everybody's address, with the operator's token")


@check("API-2", "API-3")
def admin_tells_outcomes(server: Server) -> None:
    """Of a record of any tenant an operator is told what its sender was, byte for byte; of one that is not stored, 404."""
    for tenant in server.tenants:
        for changes in ({}, ESCALATED):
            record = server.signed(server.record(**changes), tenant)
            reply = server.submit(record, tenant)
            expect_outcome(reply, record)
            expect_same(reply, server.ask(_outcome(server, record, tenant)), f"the outcome of a record of {tenant}")
    never = {"pcs_id": sha256(b"never %d" % server.draw(1 << 30)).hexdigest()}
    expect_status(server.ask(_outcome(server, never)), 404, "an id that nobody stored")


@check("API-7")
def admin_tells_of_shards(server: Server) -> None:
    """The shards share all keys among them, each answers for itself with what it holds, and a record's is one of them."""
    held = _listed(server.ask("/admin/shards"), "shards", name=str, share=float, entries=int)
    if not held or not isclose(sum(shard["share"] for shard in held), 1.0, rel_tol=1e-6):
        raise Failed(f"the shards do not share all keys among them: {held}")
    names = {shard["name"] for shard in held}
    health = _listed(server.ask("/admin/shards/health"), "shards", name=str, answers=bool, seconds=float)
    if {shard["name"] for shard in health} != names or not all(shard["answers"] for shard in health):
        raise Failed(f"the shards are {sorted(names)}; health speaks otherwise of them: {health}")
    for name in names:
        told = _fields(server.ask(f"/admin/shards/{quote(name)}"), name=str, share=float, entries=int, superseded=int)
        if told["name"] != name:
            raise Failed(f"asked for {name}, told of {told['name']}")
    record = server.record()
    asked = f"/admin/shards/find?tenant={server.tenants[0]}&pcs_id={record['pcs_id']}"
    if _fields(server.ask(asked), shard=str)["shard"] not in names:
        raise Failed("a record belongs to a shard that there is not")
    expect_status(server.ask(f"/admin/shards/none-{server.seed}"), 404, "a shard that there is not")


@check("API-7")
def admin_samples_keys(server: Server) -> None:
    """A sample of a shard has as many keys as were asked for at most, each once and each stored; a size that is none gets 400."""
    record = server.signed(server.record())
    expect_outcome(server.submit(record), record)
    for shard in _listed(server.ask("/admin/shards"), "shards", name=str, share=float, entries=int):
        for size in (1, 5):
            path = f"/admin/shards/{quote(shard['name'])}/sample?size={size}"
            keys = _listed(server.ask(path), "keys", tenant=str, pcs_id=str)
            named = {(key["tenant"], key["pcs_id"]) for key in keys}
            if len(keys) > size or len(named) < len(keys):
                raise Failed(f"{path} got {len(keys)} keys, {len(named)} of them different")
            for key in keys:
                stored = server.ask(f"/admin/outcomes/{quote(key['tenant'])}/{quote(key['pcs_id'])}")
                expect_status(stored, (200, 202), f"a key of {path}")
        for wrong in ("0", "-1", "x", f"{CONSTANTS.admin.max_sample_size + 1}", ""):
            reply = server.ask(f"/admin/shards/{quote(shard['name'])}/sample?size={wrong}")
            expect_refusal(reply, 400, "API-7", f"a sample of {wrong!r} keys", field="size")


@check("API-7", "DIV-5")
def admin_tells_differences(server: Server) -> None:
    """What is proposed where regions differ is a list, of all regions or of one; what is no region gets 400."""
    kinds: dict[str, type] = {"id": str, "region": str, "state": str, "entries": int}
    every = _listed(server.ask("/admin/divergence"), "proposals", **kinds)
    for region in {each["region"] for each in every} | {f"none-{server.seed}"}:
        own = _listed(server.ask(f"/admin/divergence?region={region}"), "proposals", **kinds)
        if {each["region"] for each in own} - {region}:
            raise Failed(f"asked for the proposals of {region}, told of those of others: {own}")
    reply = server.ask("/admin/divergence?region=..%2F")
    expect_refusal(reply, 400, "API-7", "the proposals of what is no region", field="region")


@check("API-8")
def admin_status_is_inert(server: Server) -> None:
    """The status page loads and runs nothing and says so; a password opens it, and nothing else."""
    basic = [("Authorization", f"Basic {b64encode(f'any:{server.operator}'.encode()).decode()}")]
    for reply in (server.ask("/status"), server.admin.request("GET", "/status", headers=basic)):
        expect_status(reply, 200, "the status page")
        policy = reply.headers.get("content-security-policy", "")
        if "default-src 'none'" not in policy or "script-src" in policy:
            raise Failed(f"the page does not tell the browser to load and run nothing: {policy!r}")
        if not reply.headers.get("content-type", "").startswith("text/html"):
            raise Failed(f"the page is {reply.headers.get('content-type')!r}")
        elements = _Elements()
        elements.feed(reply.body.decode(errors="replace"))
        if elements.active:
            raise Failed(f"the page has {', '.join(sorted(elements.active))}")
    for path in set(READ) - {"/status"}:
        expect_status(server.admin.request("GET", path, headers=basic), (401, 403), f"GET {path} with a password")


@check("API-9")
def admin_tells_what_was_read_again(server: Server) -> None:
    """Of each file that is read again it is told whether it counts; to read the answer is no way to bring it about."""
    files = _listed(server.ask("/admin/reload", "POST"), "files", what=str, file=str, wrong=str)
    if not files or any(each["wrong"] for each in files):
        raise Failed(f"a node that serves has keys that count: {files}")
    reply = server.ask("/admin/reload")
    expect_status(reply, 405, "GET /admin/reload")
    if "POST" not in reply.headers.get("allow", ""):
        raise Failed(f"a 405 needs Allow: POST, got {reply.headers.get('allow')!r}")


class _Elements(HTMLParser):
    """The elements and attributes of a page that load, run or send anything."""

    def __init__(self) -> None:
        super().__init__()
        self.active: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One of them."""
        self.active |= {tag} & LOADS
        self.active |= {f"{tag} {name}" for name, _ in attrs if name.startswith("on") or name in {"src", "href"}}


def _outcome(server: Server, record: dict[str, Any], tenant: str | None = None) -> str:
    return f"/admin/outcomes/{tenant or server.tenants[0]}/{record['pcs_id']}"


def _listed(reply: Reply, called: str, /, **kinds: type) -> list[dict[str, Any]]:
    """A list of objects in an answer, each with these fields."""
    expect_status(reply, 200, f"a list of {called}")
    found = reply.json().get(called)
    if not isinstance(found, list):
        raise Failed(f"there is no list of {called}: {reply}")
    for each in found:
        _typed(each, kinds, reply)
    return found


def _fields(reply: Reply, /, **kinds: type) -> dict[str, Any]:
    expect_status(reply, 200, "an object")
    found = reply.json()
    _typed(found, kinds, reply)
    return found


def _typed(found: object, kinds: dict[str, type], reply: Reply) -> None:
    for name, kind in kinds.items():
        value = found.get(name) if isinstance(found, dict) else None
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if not fits or (isinstance(value, bool) and kind is not bool):
            raise Failed(f"{name} is no {kind.__name__}: {reply}")
