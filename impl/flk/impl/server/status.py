"""The status page of a node: what an operator sees at a glance, in a browser (API-8). It loads nothing, and runs no script."""

import platform
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from flk.impl.http.messages import Answer, Headers
from flk.impl.keys import Use, read_keys
from flk.impl.server.node import RealNode
from flk.impl.server.replicator import Replicator
from flk.impl.server.shadow import Shadow
from flk.impl.storage.sharded import ShardedStore
from flk.impl.tenants import OTHERS, read_tenants
from flk.model.compiled.examiner import choice
from flk.model.effects import INBOX
from flk.model.flow.tenants import UNBOUNDED
from flk.model.policies.trust import Unvouched
from flk.spec import __version__
from flk.spec.errors import UnusableInput

HTML = b"text/html; charset=utf-8"
AGAIN_SECONDS = 15
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #cf222e; --faint: #6e7781 }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; --faint: #8b949e } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1rem; margin: 1.5rem 0 .3rem }
p { margin: .2rem 0 } .faint { color: var(--faint) } .good { color: var(--good) } .bad { color: var(--bad) }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid var(--line); padding: .25rem .5rem .25rem 0; vertical-align: top; overflow-wrap: anywhere }
td:first-child { width: 14rem; color: var(--faint) }
"""
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Headers = {
    b"content-security-policy": _POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
}


class Row(NamedTuple):
    """A line of the page; `good` says whether it is well, None if that is not the question."""

    name: str
    value: str
    good: bool | None = None


Sections = Iterable[tuple[str, Sequence[Row]]]


class Status:
    """What is known of a node that serves, without asking anybody: from memory, and from the files of keys and tenants."""

    def __init__(
        self, node: RealNode, replicator: Replicator, shadow: Shadow, keys: Path, tenants: Path | None = None
    ) -> None:
        self._node = node
        self._replicator = replicator
        self._shadow = shadow
        self._keys = keys
        self._of_tenants = tenants
        self._began = time.time()

    def sections(self) -> Iterator[tuple[str, Sequence[Row]]]:
        """The page's sections."""
        node = self._node
        names = node.disk.names(INBOX)
        yield (
            "Node",
            [
                Row("Log", node.disk.log(INBOX)),
                Row("Region", node.disk.region),
                Row("Version", f"{__version__}, Python {platform.python_version()}, records examined by {choice()}"),
                Row("Serves since", time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(self._began))),
                Row("In flight", f"{node.in_flight} of {node.limit()}"),
            ],
        )
        growing = node.disk.why_not_growing()
        yield (
            "Log",
            [
                Row("Segments", f"{len(names)}, the last {names[-1]}" if names else "none yet"),
                Row("Can grow", growing or "yes", not growing),
                Row("Level with the store", node.postponed or ("no" if node.behind else "yes"), not node.behind),
            ],
        )
        yield "Store", [*self._store()]
        yield "Replication", [*self._replication()] or [Row("Passes", "none: this node is alone")]
        yield "Policies", [*self._policies()]
        yield "Tenants", [*self._tenants()]

    def _store(self) -> Iterator[Row]:
        store = self._node.store
        yield Row("Kind", f"{store}, shared by the region" if store.shared else "a file of this node's own")
        if store.damage:
            yield Row("Damage", store.damage, good=False)
        if self._node.cut_off:
            yield Row("Away", self._node.cut_off, good=False)
        if store.weakness:
            yield Row("May lose what it acknowledged", store.weakness, good=False)
        if isinstance(store, ShardedStore):
            for name in sorted(store.shards.layout.stores):
                away = store.shards.by_name[name].away
                yield Row(f"Shard {name}", away or "answers", not away)
        if (tiers := self._node.tiers) is not None:
            yield Row("Cold tier", tiers.cold.away or "answers", not tiers.cold.away)

    def _replication(self) -> Iterator[Row]:
        for passes in self._replicator.passes:
            behind = passes.behind()
            yield Row(f"{passes.name} {passes.source}", behind or f"level; lag {passes.lag():.1f} s", not behind)

    def _policies(self) -> Iterator[Row]:
        try:
            yield from (Row(name, value) for name, value in self._shadow.told().items())
        except Unvouched as doubt:
            yield Row("In force", str(doubt), good=False)

    def _tenants(self) -> Iterator[Row]:
        try:
            entries = read_keys(self._keys)
            bounds = {each.id: each.bounds for each in read_tenants(self._of_tenants)} if self._of_tenants else {}
        except UnusableInput as mistake:
            yield Row("Not read again", str(mistake), good=False)
            return
        now = time.time()
        live = Counter(
            entry.tenant for entry in entries if entry.use is Use.RECORDS and entry.begins <= now < entry.ends
        )
        for tenant in dict.fromkeys([*(entry.tenant for entry in entries), *bounds]):
            said = bounds.get(tenant, bounds.get(OTHERS, UNBOUNDED))
            words = [f"{live[tenant]} live keys"] * (tenant != OTHERS) + [quota.promise for quota in said.quotas]
            well = said.active and (live[tenant] > 0 or tenant == OTHERS)
            yield Row(tenant, "; ".join([*words, *([] if said.active else ["not active"])]), well)


def page(why_not_ready: str, beside: str, sections: Sections) -> Answer:
    """The page as it is sent."""
    ready = f'<p class="bad">not ready: {escape(why_not_ready)}</p>' if why_not_ready else '<p class="good">ready</p>'
    more = f'<p class="faint">{escape(beside)}</p>' if beside else ""
    tables = "".join(f"<h2>{escape(title)}</h2><table>{''.join(map(_row, rows))}</table>" for title, rows in sections)
    at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="refresh" content="{AGAIN_SECONDS}"><title>FLK node</title><style>{_STYLE}</style></head>'
        f'<body><h1>FLK node</h1>{ready}{more}{tables}<p class="faint">as of {at}</p></body></html>'
    )
    return Answer(HTTPStatus.OK, body.encode(), HTML, _HEADERS)


def _row(row: Row) -> str:
    kind = "" if row.good is None else f' class="{"good" if row.good else "bad"}"'
    return f"<tr><td>{escape(row.name)}</td><td{kind}>{escape(row.value)}</td></tr>"
