"""The operators' side: a real node passes, and each planted defect is found by the check that is for it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.support.conformance.memory_server import OPERATOR, SIGNERS, TOKENS, Node, serving
from tests.support.impl.operated import operated

from flk.conformance import check_server
from flk.conformance.reports.report import CaseStatus
from flk.conformance.server import admin
from flk.conformance.server.check import Check
from flk.conformance.server.client import Client
from flk.conformance.server.examine import server_checks, tried
from flk.conformance.server.reference import Told
from flk.conformance.server.reference_admin import ReferenceAdmin, operating
from flk.conformance.server.target import Operators, Server
from flk.model.flow.answers import SUBMIT_PATH
from flk.model.flow.submission import Submission
from flk.model.record.signing import HmacKey
from flk.spec.verdict import Verdict

CHECKS = (
    admin.admin_asks_for_a_token,
    admin.admin_is_apart,
    admin.admin_tells_outcomes,
    admin.admin_tells_of_shards,
    admin.admin_samples_keys,
    admin.admin_tells_differences,
    admin.admin_status_is_inert,
    admin.admin_tells_what_was_read_again,
)
NAMES = tuple(check.name for check in CHECKS)


@pytest.mark.slow
def test_a_real_node_passes(tmp_path: Path) -> None:
    """With an address for operators, where its metrics are alone."""
    with operated(tmp_path) as node:
        report = check_server(
            node.server.url,
            {tenant: HmacKey(b"testsecret") for tenant in ("default", "other")},
            tokens={tenant: node.tokens[tenant] for tenant in ("default", "other")},
            admin=(node.admin_url, node.tokens["operator"]),
            checks=[*NAMES, "metrics", "counters-move"],
            seed=3,
            progress=False,
        )
    assert [(result.name, result.detail) for result in report.results if result.status is not CaseStatus.PASSED] == []
    assert report.verdict is Verdict.HOLDS
    assert f"--admin={node.admin_url} --admin-token=TOKEN" in report.again
    assert node.tokens["operator"] not in report.again


class LetsTenantsIn(ReferenceAdmin):
    """Any token of the access file will do."""

    def permits(self, path: str, authorization: str) -> bool:
        return super().permits(path, authorization) or authorization.removeprefix("Bearer ") in TOKENS.values()


class ComparesTheBeginning(ReferenceAdmin):
    """As a lookup by prefix does."""

    def permits(self, path: str, authorization: str) -> bool:
        return super().permits(path, authorization) or authorization.startswith(f"Bearer {self.token[:6]}")


class ReadsAgainForAnybody(ReferenceAdmin):
    """It tells nothing that anybody should not know."""

    def permits(self, path: str, authorization: str) -> bool:
        return path == "/admin/reload" or super().permits(path, authorization)


class DoesNotSayHow(ReferenceAdmin):
    """A 401 is a 401."""

    def answer(self, method: str, target: str, authorization: str) -> Told:
        return super().answer(method, target, authorization)._replace(headers={})


class TakesSubmissions(ReferenceAdmin):
    """One handler for both addresses."""

    def answer(self, method: str, target: str, authorization: str) -> Told:
        if target == SUBMIT_PATH:
            response = self.node.one(Submission("default", b"{}"))
            return Told(response.status, response.body)
        return super().answer(method, target, authorization)


class HasNoProbes(ReferenceAdmin):
    """They are on the other address."""

    def answer(self, method: str, target: str, authorization: str) -> Told:
        return Told(404) if target == "/health" else super().answer(method, target, authorization)


class TellsMetricsTwice(ReferenceAdmin):
    """They are left where they were."""

    def __init__(self, node: Node, token: str) -> None:
        super().__init__(node, token)
        node.administered = False


class TellsOutcomesItsOwnWay(ReferenceAdmin):
    """What is found is a 200."""

    def outcome(self, tenant: str, pcs_id: str) -> Told:
        told = super().outcome(tenant, pcs_id)
        return told._replace(status=200) if told.status == 202 else told


class KnowsOneTenant(ReferenceAdmin):
    """The others are not asked for."""

    def outcome(self, tenant: str, pcs_id: str) -> Told:
        return super().outcome("default", pcs_id)


class ForgetsAShard(ReferenceAdmin):
    """The shares are those of a larger ring."""

    def of_shards(self, path: str, query: Mapping[str, str]) -> Told:
        told = super().of_shards(path, query)
        return told._replace(body=told.body.replace(b'"share":1.0', b'"share":0.5'))


class CountsInWords(ReferenceAdmin):
    """Numbers are text, for languages that have no large ones."""

    def of_shards(self, path: str, query: Mapping[str, str]) -> Told:
        told = super().of_shards(path, query)
        return told._replace(
            body=told.body.replace(b'"entries":', b'"entries":"').replace(b',"superseded"', b'","superseded"')
        )


class KnowsEveryShard(ReferenceAdmin):
    """Whatever the name, the only shard is meant."""

    def of_shards(self, path: str, query: Mapping[str, str]) -> Told:
        told = super().of_shards(path, query)
        return super().of_shards("/admin/shards/only", query) if told.status == 404 else told


class PlacesKeysElsewhere(ReferenceAdmin):
    """By a ring of its own."""

    def of_shards(self, path: str, query: Mapping[str, str]) -> Told:
        told = super().of_shards(path, query)
        return told._replace(body=told.body.replace(b'"shard":"only"', b'"shard":"other"'))


class SamplesWithoutBound(ReferenceAdmin):
    """The size is a wish."""

    def sample(self, size: str) -> Told:
        told = super().sample(size)
        return super().sample("1000") if told.status == 200 else told


class TakesAnySize(ReferenceAdmin):
    """What is no number counts as the usual one."""

    def sample(self, size: str) -> Told:
        told = super().sample(size)
        return told if told.status == 200 else super().sample("10")


class InventsKeys(ReferenceAdmin):
    """A key is made of nothing."""

    def sample(self, size: str) -> Told:
        told = super().sample(size)
        return told if told.status != 200 else Told(200, b'{"keys":[{"tenant":"default","pcs_id":"%064d"}]}' % 0)


class HasNoListOfDifferences(ReferenceAdmin):
    """Where nothing is proposed nothing is told."""

    def differences(self, region: str | None) -> Told:
        told = super().differences(region)
        return Told(200, b"{}") if told.status == 200 else told


class TellsOfAllRegions(ReferenceAdmin):
    """Whatever region was asked for."""

    def differences(self, region: str | None) -> Told:
        told = super().differences(region)
        one = b'{"proposals":[{"id":"a","region":"eu","state":"proposed","entries":1}]}'
        return Told(200, one) if told.status == 200 else told


class TakesAnyRegion(ReferenceAdmin):
    """As a name of an object, whatever it holds."""

    def differences(self, region: str | None) -> Told:
        return super().differences(None)


class PageLoadsAStyle(ReferenceAdmin):
    """From the network of somebody else."""

    def page(self) -> Told:
        told = super().page()
        return told._replace(
            body=told.body.replace(b"<title>", b'<link rel=stylesheet href="//cdn.example/x.css"><title>')
        )


class PageRunsScripts(ReferenceAdmin):
    """One line of its own."""

    def page(self) -> Told:
        told = super().page()
        return told._replace(body=told.body.replace(b"<h1>", b"<h1 onclick=x()>"))


class PageHasNoPolicy(ReferenceAdmin):
    """It loads nothing, so why say so."""

    def page(self) -> Told:
        return super().page()._replace(headers={"Content-Type": "text/html"})


class PasswordOpensAll(ReferenceAdmin):
    """What opens the page opens the rest."""

    def permits(self, path: str, authorization: str) -> bool:
        return super().permits("/status", authorization)


class ReadsAgainOnGet(ReferenceAdmin):
    """A link is enough."""

    def method_of(self, path: str) -> str:
        return "POST, GET" if path == "/admin/reload" else super().method_of(path)

    def answer(self, method: str, target: str, authorization: str) -> Told:
        return super().answer("POST, GET" if target == "/admin/reload" else method, target, authorization)


class SaysOkOnly(ReferenceAdmin):
    """Whatever came of it."""

    def read_again(self) -> list[dict[str, str]]:
        return []


DEFECTS: dict[type[ReferenceAdmin], Check] = {
    LetsTenantsIn: admin.admin_asks_for_a_token,
    ComparesTheBeginning: admin.admin_asks_for_a_token,
    ReadsAgainForAnybody: admin.admin_asks_for_a_token,
    DoesNotSayHow: admin.admin_asks_for_a_token,
    TakesSubmissions: admin.admin_is_apart,
    HasNoProbes: admin.admin_is_apart,
    TellsMetricsTwice: admin.admin_is_apart,
    TellsOutcomesItsOwnWay: admin.admin_tells_outcomes,
    KnowsOneTenant: admin.admin_tells_outcomes,
    ForgetsAShard: admin.admin_tells_of_shards,
    CountsInWords: admin.admin_tells_of_shards,
    KnowsEveryShard: admin.admin_tells_of_shards,
    PlacesKeysElsewhere: admin.admin_tells_of_shards,
    SamplesWithoutBound: admin.admin_samples_keys,
    TakesAnySize: admin.admin_samples_keys,
    InventsKeys: admin.admin_samples_keys,
    HasNoListOfDifferences: admin.admin_tells_differences,
    TellsOfAllRegions: admin.admin_tells_differences,
    TakesAnyRegion: admin.admin_tells_differences,
    PageLoadsAStyle: admin.admin_status_is_inert,
    PageRunsScripts: admin.admin_status_is_inert,
    PageHasNoPolicy: admin.admin_status_is_inert,
    PasswordOpensAll: admin.admin_status_is_inert,
    ReadsAgainOnGet: admin.admin_tells_what_was_read_again,
    SaysOkOnly: admin.admin_tells_what_was_read_again,
}


@pytest.mark.parametrize(("defect", "check"), DEFECTS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_each_defect_is_found(defect: Callable[[Node, str], ReferenceAdmin], check: Check) -> None:
    """By the check that is for it, for a reason it can tell."""
    node = Node()
    node.administered = True
    with serving(node) as url, operating(defect(node, OPERATOR)) as address:
        operators = Operators(Client(address, 10), OPERATOR)
        server = Server(Client(url, 10), SIGNERS, 5, tokens=TOKENS, operators=operators)
        for _ in range(7):  # for a sample to be larger than it should
            server.control()
        result = tried(check, server)
    assert (result.status, bool(result.detail)) == (CaseStatus.FAILED, True)


def test_every_check_of_operators_catches_a_defect() -> None:
    """No check goes untried."""
    assert set(DEFECTS.values()) == set(CHECKS)


def test_without_an_address_of_operators_nothing_is_shown() -> None:
    """It is declined with what it needs."""
    with serving(Node()) as url:
        server = Server(Client(url, 10), SIGNERS, 1)
        for check in server_checks(*NAMES):
            result = tried(check, server)
            assert result.status is CaseStatus.DECLINED
            assert "--admin" in result.detail
