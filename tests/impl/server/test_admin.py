"""A real node and those who operate it: who may ask what, what it tells of itself, and what it does when it is told to."""

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from tests.support.impl import store_servers
from tests.support.impl.client import Reply
from tests.support.impl.contract import API, check_reply
from tests.support.impl.operated import Operated, operated
from tests.support.model.world import HONEST, OTHER_TENANT, STORY, pcs, submission

from flk.impl.access import Role, add_token
from flk.impl.server.settings import Settings, mistakes
from flk.impl.storage.inspecting import ONLY, Inspected
from flk.impl.storage.objects import open_objects
from flk.impl.storage.opening import open_region
from flk.impl.storage.sqlite import SqliteStore
from flk.model.entries.entry import Claim, Entry, Key, Outcome, Reason
from flk.model.entries.proposals import proposals_of
from flk.model.entries.ring import Ring, ring_text
from flk.model.log.hlc import Timestamp
from flk.model.refusal import NothingStored, Unavailable

ID = json.loads(HONEST.body)["pcs_id"]
NUMBERS = count()
OF_OPERATORS = {
    "/status": "/status",
    "/admin/outcomes/{tenant}/{pcs_id}": f"/admin/outcomes/default/{ID}",
    "/admin/policies": "/admin/policies",
    "/admin/divergence": "/admin/divergence",
    "/admin/shards": "/admin/shards",
    "/admin/shards/health": "/admin/shards/health",
    "/admin/shards/find": f"/admin/shards/find?pcs_id={ID}",
    "/admin/shards/{name}": f"/admin/shards/{ONLY}",
    "/admin/shards/{name}/sample": f"/admin/shards/{ONLY}/sample?size=5",
}


def listed(reply: Reply, name: str) -> list[dict[str, object]]:
    """A list of objects in an answer."""
    found: list[dict[str, object]] = json.loads(reply.body)[name]
    return found


def told_by(node: Operated, metric: str) -> float:
    """What the metrics say."""
    lines = node.ask("/metrics").body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{metric} "))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A node that has taken a story."""
    directory = tmp_path_factory.mktemp("operated")
    (directory / "objects").mkdir()
    with operated(directory, ["--objects", (directory / "objects").as_uri()]) as made:
        for sent in STORY:
            made.public.submit(sent)
        yield made


@pytest.mark.slow
def test_a_tenant_is_told_its_own_outcomes_as_its_duplicates_are(node: Operated) -> None:
    """Byte for byte, status by status; of another tenant's, and of what was never stored, one and the same 404 (API-2, API-3)."""
    for sent in STORY[2:]:
        again = node.public.submit(sent)
        if again.status in {200, 202}:
            told = node.outcome(json.loads(sent.body)["pcs_id"], sent.tenant)
            assert (told.status, told.body) == (again.status, again.body)
            assert told.headers["cache-control"] == "no-store"
            check_reply("/v1/pcs/outcomes/{pcs_id}", told)
    unknown = node.outcome("0" * 64)
    escalated = json.loads(STORY[3].body)["pcs_id"]
    foreign = node.outcome(escalated, "other")
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body) == (404, unknown.body)
    check_reply("/v1/pcs/outcomes/{pcs_id}", foreign)
    assert node.outcome(ID, "other").body == node.public.submit(OTHER_TENANT).body


@pytest.mark.parametrize("who", ["nobody", "stranger", "operator", "metrics"])
def test_only_a_token_of_a_tenant_reads_outcomes(node: Operated, who: str) -> None:
    """401 without one that counts, and 403 with one for something else, each with a challenge, whether the record is there or not;
    counted, and not as bad signatures (API-1).
    """
    node.tokens["stranger"] = "a" * 43
    count = f'flk_refusals_total{{requirement="API-1",status="{403 if who in {"operator", "metrics"} else 401}"}}'
    before, signatures = told_by(node, count), told_by(node, "flk_signature_errors_total")
    for pcs_id in (ID, "0" * 64, "nonsense"):
        told = node.outcome(pcs_id, who)
        assert told.status == (403 if who in {"operator", "metrics"} else 401)
        assert told.headers["www-authenticate"].startswith("Bearer ")
        check_reply("/v1/pcs/outcomes/{pcs_id}", told)
    assert told_by(node, count) == before + 3
    assert told_by(node, "flk_signature_errors_total") == signatures


def test_an_id_that_is_none_is_malformed(node: Operated) -> None:
    """And an unknown method of a known path is told which there are."""
    for wrong in ("a" * 63, "A" * 64, "a%20b", f"{ID}x"):
        told = node.outcome(wrong)
        assert (told.status, told.json()["requirement"]) == (400, "ID-1")
    assert node.public.request("POST", f"/v1/pcs/outcomes/{ID}").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", [*OF_OPERATORS, "/metrics", "/health", "/ready"])
def test_operators_are_answered_on_their_own_listener_and_nobody_else(node: Operated, path: str) -> None:
    """Each path as the document has it; without a token 401, with another role's 403; on everybody's listener there is no such
    path (API-1, API-6).
    """
    asked = OF_OPERATORS.get(path, path)
    told = node.ask(asked)
    assert told.status == 200
    check_reply(path, told)
    open_to_all = path in {"/health", "/ready"}
    metrics = 200 if open_to_all or path == "/metrics" else 403
    expected = {"nobody": 200 if open_to_all else 401, "default": 200 if open_to_all else 403, "metrics": metrics}
    for who, status in expected.items():
        refused = node.ask(asked, who)
        assert refused.status == status
        check_reply(path, refused)
    everybody = node.public.request("GET", asked, None, node.bearer("operator"))
    assert everybody.status == (200 if open_to_all else 404)
    wrong = node.ask(asked, method="DELETE")
    allowed = "GET, HEAD, POST" if path == "/admin/policies" else "GET, HEAD"
    assert (wrong.status, wrong.headers["allow"]) == (405, allowed)
    check_reply(path, wrong)


def test_every_path_of_the_document_is_tried_here() -> None:
    """Guards the test above."""
    tried = {*OF_OPERATORS, "/metrics", "/health", "/ready", "/admin/reload"}
    assert {path for path in API["paths"] if not path.startswith("/v1/")} == tried


def test_what_is_asked_wrongly_is_told_what_is_right(node: Operated) -> None:
    """No shard of that name, no size, no id, no path, a body: each with its status (API-7)."""
    for asked, path, status in (
        ("/admin/shards/none", "/admin/shards/{name}", 404),
        ("/admin/shards/none/sample", "/admin/shards/{name}/sample", 404),
        ("/admin/shards/only/sample?size=0", "/admin/shards/{name}/sample", 400),
        ("/admin/shards/only/sample?size=1001", "/admin/shards/{name}/sample", 400),
        ("/admin/shards/only/sample?size=%EF%BC%91", "/admin/shards/{name}/sample", 400),
        ("/admin/shards/find", "/admin/shards/find", 400),
        (f"/admin/shards/find?pcs_id={ID}&tenant=a%20b", "/admin/shards/find", 400),
        ("/admin/divergence?region=", "/admin/divergence", 400),
        (f"/admin/outcomes/other/{'0' * 64}", "/admin/outcomes/{tenant}/{pcs_id}", 404),
        (f"/admin/outcomes/a%2Fb/{ID}", "/admin/outcomes/{tenant}/{pcs_id}", 400),
    ):
        told = node.ask(asked)
        assert told.status == status, asked
        check_reply(path, told)
    assert node.ask("/v1/pcs/submit", method="POST").status == 404
    huge = node.admin.request("POST", "/admin/reload", b"x" * 100_000, node.bearer("operator"))
    assert huge.status == 413


def test_what_the_store_holds_is_told(node: Operated) -> None:
    """A region with one store has one shard, with all its keys."""
    assert listed(node.ask("/admin/shards"), "shards")[0]["share"] == 1.0
    found = node.ask(f"/admin/shards/find?pcs_id={ID}").json()
    assert found == {"shard": ONLY, "other": None}
    told = node.ask(f"/admin/outcomes/default/{ID}")
    assert told.body == node.outcome(ID).body


def test_files_are_read_again_when_an_operator_asks(node: Operated) -> None:
    """A new token counts then, and not before; of a file with a mistake its line is told, and what was counts (API-9)."""
    node.tokens["late"] = add_token(node.access, "late", Role.METRICS, None)
    assert node.ask("/metrics", "late").status == 401
    told = node.ask("/admin/reload", method="POST")
    check_reply("/admin/reload", told, "post")
    assert {each["what"]: each["wrong"] for each in listed(told, "files")} == {"keys": "", "access": ""}
    assert node.ask("/metrics", "late").status == 200
    good = node.access.read_text()
    node.access.write_text(good.replace('role = "metrics"', 'role = "king"', 1))
    told = node.ask("/admin/reload", method="POST")
    assert "access.toml:" in str({each["what"]: each["wrong"] for each in listed(told, "files")}["access"])
    assert node.ask("/metrics", "late").status == 200
    node.access.write_text(good)
    assert node.ask("/admin/reload", "default", method="POST").status == 403


def test_proposals_are_told(node: Operated, tmp_path: Path) -> None:
    """What lies in the object store under the name of one is told, be it believed or not, and by region (DIV-5, API-7)."""
    (option,) = [word for word in node.server.process.args if str(word).startswith("file://")]  # type: ignore[union-attr]
    name = "0" * 32
    open_objects(str(option)).put(proposals_of("eu") + name, b"nonsense")
    told = node.ask("/admin/divergence")
    check_reply("/admin/divergence", told)
    (found,) = listed(told, "proposals")
    assert (found["region"], found["state"], bool(found["because"])) == ("eu", "refused", True)
    assert node.ask("/admin/divergence?region=us").json() == {"proposals": []}


def test_an_admin_listener_needs_to_know_who_may_ask(tmp_path: Path) -> None:
    """Without an access file nobody could; with a mistake in it, it is told before anything starts (API-6)."""
    access = tmp_path / "access.toml"
    access.write_text("[[token]]\nid = 1\n")
    said = [str(each) for each in mistakes(Settings(tmp_path, tmp_path / "keys", admin_port=1))]
    assert any("--access" in each for each in said)
    said = [str(each) for each in mistakes(Settings(tmp_path, tmp_path / "keys", access=access, admin_port=1))]
    assert any(each.startswith(f"{access}:2:") for each in said)
    add_token(tmp_path / "good.toml", "a", Role.OPERATOR, None)
    same = Settings(tmp_path, tmp_path / "keys", access=tmp_path / "good.toml", port=1, admin_port=1)
    assert any("--admin-port" in str(each) for each in mistakes(same))


def claims(number: int) -> list[Claim]:
    """So many claims of as many keys."""
    outcome = Outcome(accepted=True, escalated=False, reason=Reason.OK, recomputed_D_hat=1.0, recomputed_budget=0.4)
    return [
        Claim(Key("default", f"{each:064x}"), Entry(Timestamp(each + 1), "eu", "d", outcome)) for each in range(number)
    ]


def test_the_shards_of_a_ring_tell_what_they_hold(tmp_path: Path) -> None:
    """One in PostgreSQL and one in Redis: their counts are those of the ring's rule, and so is what is found and sampled there;
    one that is away is told by name, and does not hide the other (API-7).
    """
    server, number = store_servers.redis(), next(NUMBERS)
    urls = {"pg": store_servers.postgres().url(f"inspected{number}"), "rd": server.url(f"inspected{number}")}
    path = tmp_path / "ring.toml"
    path.write_text("[shards]\n" + "".join(f'{name} = "{url}"\n' for name, url in urls.items()))
    url = f"ring+file://{path}"
    with closing(open_region(url, "eu")) as store:
        store.enlist("token", None)
        given = claims(60)
        store.insert_or_get(given)
        shards = Inspected(store, "eu", url, tmp_path, accept_weaker=False)
        ring = Ring(urls)
        owners = {claim.key: ring.owner(ring_text(claim.key)) for claim in given}
        held = {each.name: each for each in shards.distribution().shards}
        assert {name: each.entries for name, each in held.items()} == {
            name: [*owners.values()].count(name) for name in urls
        }
        assert sum(each.share for each in held.values()) == pytest.approx(1)
        assert {key: shards.owner(key).shard for key in owners} == owners
        for name in urls:
            assert {owners[key] for key in shards.sample(name, 10)} == {name}
            told = shards.statistics(name)
            assert (told.entries, told.superseded, told.share) == (held[name].entries, 0, held[name].share)
            assert "password" not in told.where
        assert [each.answers for each in shards.health()] == [True, True]
        with pytest.raises(NothingStored, match="pg, rd"):
            shards.sample("other", 1)
        server.kill()
        try:
            assert {each.name: each.answers for each in shards.health()} == {"pg": True, "rd": False}
            away = {each.name: each for each in shards.distribution().shards}
            assert (away["rd"].entries, bool(away["rd"].why), away["pg"]) == (None, True, held["pg"])
            with pytest.raises(Unavailable):
                shards.statistics("rd")
        finally:
            server.start()


def test_a_file_that_is_no_store_any_more_is_away(tmp_path: Path) -> None:
    """Not an error of the node's (API-7)."""
    path = tmp_path / "entries.sqlite"
    with closing(SqliteStore(path)) as store:
        store.insert_or_get(claims(20))
        store.flush()
        shards = Inspected(store, "eu", None, path, accept_weaker=False)
        assert shards.statistics(ONLY).entries == 20
        assert len({*shards.sample(ONLY, 5)}) == 5
        path.rename(tmp_path / "elsewhere")
        (health,) = shards.health()
        assert not health.answers
        with pytest.raises(Unavailable):
            shards.statistics(ONLY)


def reply_of(node: Operated, epoch: int) -> Reply:
    """What a new record is told."""
    return node.public.submit(submission(pcs(epoch=epoch)))


@pytest.mark.slow
def test_after_a_kill_nothing_is_told_that_is_not_so(tmp_path: Path) -> None:
    """What was acknowledged is in the log when the node is killed, and perhaps not in the store: each question gets the outcome, or
    503 until it can be told (API-4).
    """
    with operated(tmp_path) as node:
        ids = [str(reply_of(node, epoch).json()["pcs_id"]) for epoch in range(30)]
        before = {pcs_id: node.outcome(pcs_id).body for pcs_id in ids}
        node.server.process.kill()
        node.server.process.wait()
    with operated(tmp_path) as node:
        for pcs_id in ids:
            while (told := node.outcome(pcs_id)).status == 503:
                pass
            assert told.body == before[pcs_id]
