"""Schemathesis against a real node: what the OpenAPI document allows is answered as it says, and what it does not is refused.

The sample here takes seconds; ATTACK_SECONDS gives each listener longer.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import ROOT
from tests.support.impl.audited import audit_options
from tests.support.impl.contract import FOLDER
from tests.support.impl.operated import Operated, operated
from tests.support.model.world import STORY

from flk.impl.bench.authority import Authority
from flk.impl.tenants import add_tenant, new_tenant

OURS = Authority("ours")
SECONDS = os.environ.get("ATTACK_SECONDS", "2")
# What a schema cannot say: of a record which counts belong to which scales (REC-7), and what its id is made of (ID-1); of a policy
# who signed it, and whether it is one that the log knows (POL-5, POL-9).
UNSAID = ("--exclude-checks", "positive_data_acceptance")
LISTENERS = {
    "public": ("default", "^/(v1|health|ready)", UNSAID),
    "admin": ("operator", "^/(admin|status|metrics|health|ready)", UNSAID),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A node within TLS with an audit log and tenants, that has taken a story; it admits whatever one address sends."""
    directory = tmp_path_factory.mktemp("attacked")
    tenants, files = directory / "tenants.toml", OURS.server(directory)
    for tenant in ("default", "other"):
        add_tenant(tenants, new_tenant(tenant, records_per_second=1e6))
    much = ["--limit", f"peer_burst_bytes={2**40}", "--tenants", str(tenants), *audit_options(directory)]
    secure = ["--tls-certificate", str(files.certificate), "--tls-key", str(files.key)]
    with operated(directory, [*much, *secure], OURS.client(directory)) as made:
        for sent in STORY:
            made.public.submit(sent)
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("listener", [pytest.param("public", marks=pytest.mark.thorough), "admin"])
def test_nothing_is_found(node: Operated, listener: str, tmp_path: Path) -> None:
    """Whatever it makes up: no 500, no status, header, media type or body that the document does not have, no answer without a
    token where it takes one, and no malformed request that is taken for a good one.
    """
    who, paths, options = LISTENERS[listener]
    url = node.admin_url if listener == "admin" else node.server.url
    st, document = Path(sys.executable).with_name("st"), FOLDER / "openapi.json"
    command = [str(st), "run", str(document), "--url", url, "--checks", "all"]
    asked = ["--include-path-regex", paths, "--header", f"Authorization: Bearer {node.tokens[who]}"]
    bounds = ["--max-time", SECONDS, "--phases", "coverage,fuzzing", "--seed", "1", "--warnings", "off", *options]
    trusted = ["--tls-verify", str(node.access.with_name("ca.pem"))]
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.impl.ndjson", "PYTHONPATH": str(ROOT)}
    attacked = subprocess.run(
        [*command, *asked, *bounds, *trusted],
        cwd=tmp_path,
        env=hooks,
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,
    )
    assert attacked.returncode == 0, attacked.stdout
    assert " 0 generated" not in attacked.stdout
    assert node.server.process.poll() is None
