"""The Compose file: sound to Compose itself, without root or an open door, and watched by what the specification's table says."""

import json
import os
import shutil
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.impl.deployed import DEPLOY, tool, unknown_options

from flk.impl.access import Role, read_access
from flk.impl.command.configuration.settings import settings_of
from flk.impl.command.impl.serve import serve
from flk.impl.tenants import read_tenants
from flk.spec.metrics import rules

REGIONS = ("eu", "us", "ap")
ONCE = {"bucket"}
"""What ends when it has done its work."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder, after `./prepare`."""
    place = tmp_path_factory.mktemp("compose") / "compose"
    shutil.copytree(DEPLOY / "compose", place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        done = tool(place / "prepare", cwd=place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def services(prepared: Path) -> dict[str, Any]:
    """What Compose makes of the file."""
    done = tool("docker-compose", "--file", prepared / "compose.yaml", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_compose_says_what_is_missing() -> None:
    """Before `./prepare` it refuses, and says what to do."""
    done = tool("docker-compose", "--file", DEPLOY / "compose" / "compose.yaml", "config", "--quiet")
    assert done.returncode != 0
    assert "run ./prepare first" in done.stderr


@pytest.mark.slow
def test_every_part_is_watched_kept_and_without_privileges(services: dict[str, Any]) -> None:
    """Each has a health check, starts again, writes its log within bounds, drops what root may, and listens on loopback only."""
    for name, one in services.items():
        assert ("healthcheck" in one) == (name not in ONCE), name
        assert one.get("restart", "no") == ("no" if name in ONCE else "always"), name
        assert one["cap_drop"] == ["ALL"], name
        assert not one.get("privileged")
        assert one["logging"]["options"]["max-size"], name
        assert all(port["host_ip"] == "127.0.0.1" for port in one.get("ports", ())), name
        assert name in REGIONS or (":" in one["image"] and not one["image"].endswith(":latest")), name
        for other, needed in one.get("depends_on", {}).items():
            assert needed["condition"] == ("service_completed_successfully" if other in ONCE else "service_healthy")


def test_the_nodes_replicate_with_each_other_and_reach_their_own_store_only(services: dict[str, Any]) -> None:
    """Each names the others as peers, ships to one object store, and shares no network with another region's store."""
    stores = {"eu": "postgres-eu", "us": "postgres-us", "ap": "redis-ap"}
    for region in REGIONS:
        node = services[region]
        assert not unknown_options(node["command"])
        pairs = list(zip(node["command"], node["command"][1:], strict=False))
        assert ("--region", region) in pairs
        assert {of for option, of in pairs if option == "--peer"} == set(REGIONS) - {region}
        assert (node["read_only"], node["user"]) == (True, "10001:10001")
        assert f"@{stores[region]}" in node["environment"]["FLK_STORE"]
        reached = {name for name, one in services.items() if set(one.get("networks", ())) & set(node["networks"])}
        assert reached & set(stores.values()) == {stores[region]}
        assert {"objects", "prometheus"} <= reached


def test_operators_are_answered_on_a_port_of_their_own_and_prometheus_shows_its_token(
    prepared: Path, services: dict[str, Any]
) -> None:
    """Each node has the access file, whose tokens are those that were made, and a tenants file that counts."""
    entries = read_access(prepared / "secrets" / "access.toml")
    assert {(entry.id, entry.role) for entry in entries} == {("prometheus", Role.METRICS), ("operator", Role.OPERATOR)}
    for role in ("metrics", "operator"):
        token = (prepared / "secrets" / f"{role}.token").read_text("utf-8").strip()
        assert sha256(token.encode()).hexdigest() in {entry.sha256 for entry in entries if entry.role == role}
    assert [tenant.id for tenant in read_tenants(prepared / "tenants.toml")] == ["default"]
    for region in REGIONS:
        node = services[region]
        assert node["environment"]["FLK_ACCESS"] == "/run/secrets/access.toml"
        assert {config["target"] for config in node["configs"]} == {node["environment"]["FLK_TENANTS"]}
        assert {port["target"] for port in node["ports"]} == {8080, int(node["environment"]["FLK_ADMIN_PORT"])}
    assert [secret["source"] for secret in services["prometheus"]["secrets"]] == ["metrics.token"]
    (job,) = yaml.safe_load((prepared / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert job["authorization"] == {"credentials_file": "/run/secrets/metrics.token"}


def test_with_another_file_the_nodes_tell_a_collector(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is to be named; and every variable is a setting that there is."""
    files = [word for name in ("compose.yaml", "otlp.yaml") for word in ("--file", str(prepared / name))]
    monkeypatch.delenv("FLK_OTLP", raising=False)
    assert "name a collector" in tool("docker-compose", *files, "config").stderr
    monkeypatch.setenv("FLK_OTLP", "http://collector:4318")
    done = tool("docker-compose", *files, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    known = {f"FLK_{name.upper()}" for name in settings_of(serve)}
    for region in REGIONS:
        environment = json.loads(done.stdout)["services"][region]["environment"]
        assert (environment["FLK_OTLP"], environment["FLK_OTLP_SAMPLE"]) == ("http://collector:4318", "0.01")
        assert environment["FLK_STORE"]
        assert {name for name in environment if name.startswith("FLK_")} <= known


def test_no_secret_is_in_what_is_committed_nor_readable_by_others(prepared: Path, services: dict[str, Any]) -> None:
    """Each is drawn anew; the directory is its owner's, and the second `./prepare` leaves them as they are."""
    committed = "".join(path.read_text("utf-8") for path in (DEPLOY / "compose").glob("*.y*ml"))
    for name in ("postgres", "redis", "objects", "grafana"):
        secret = (prepared / "secrets" / name).read_text("utf-8").strip()
        assert len(secret) == 48
        assert secret not in committed
    assert (prepared / "secrets").stat().st_mode & 0o77 == 0
    assert (prepared / ".env").stat().st_mode & 0o77 == 0
    assert (
        services["objects"]["environment"]["ROOT_SECRET_KEY"] == services["eu"]["environment"]["AWS_SECRET_ACCESS_KEY"]
    )


def test_prometheus_takes_its_configuration_with_the_rules_of_the_table(prepared: Path) -> None:
    """Prometheus is content; the nodes are asked under the name and with the labels that alerts and dashboards go by."""
    local = prepared / "local.yml"
    text = (prepared / "prometheus.yml").read_text("utf-8")
    local.write_text(text.replace("/run/secrets", str(prepared / "secrets")))
    done = tool("promtool", "check", "config", local)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (prepared / "flk.rules.yml").read_text("utf-8") == rules()
    (job,) = yaml.safe_load((prepared / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert job["job_name"] == "flk"
    assert {one["labels"]["region"]: one["targets"] for one in job["static_configs"]} == {
        r: [f"{r}:8081"] for r in REGIONS
    }
    boards = yaml.safe_load((prepared / "boards.yml").read_text("utf-8"))["providers"][0]["options"]["path"]
    (mounted,) = (
        volume
        for volume in yaml.safe_load((prepared / "compose.yaml").read_text("utf-8"))["services"]["grafana"]["volumes"]
        if "dashboards" in volume
    )
    assert mounted == f"./dashboards:{boards}:ro"
    assert len(list((prepared / "dashboards").glob("*.json"))) == 4


def test_with_the_second_file_the_nodes_speak_tls_and_are_asked_within_it(prepared: Path) -> None:
    """The same but for certificate, key, probe and scrape; and Prometheus takes its configuration."""
    secrets = prepared / "secrets"
    made = {name: secrets / name for name in ("node.pem", "node.key", "ca.pem")}
    for path in made.values():
        path.write_text("")
    files = [word for name in ("compose.yaml", "tls.yaml") for word in ("--file", str(prepared / name))]
    done = tool("docker-compose", *files, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    whole = json.loads(done.stdout)
    for region in REGIONS:
        node = whole["services"][region]
        assert {Path(node["environment"][name]).name for name in ("FLK_TLS_CERTIFICATE", "FLK_TLS_KEY")} <= set(made)
        assert {secret["source"] for secret in node["secrets"]} == {"keys.toml", "access.toml", *made}
        assert "https://127.0.0.1:8080/ready" in node["healthcheck"]["test"][-1]
        assert node["environment"]["FLK_STORE"]
    configuration = Path(whole["configs"]["prometheus.yml"]["file"])
    text = configuration.read_text("utf-8")
    assert text.replace("    scheme: https\n    tls_config: {ca_file: /run/secrets/ca.pem}\n", "") == (
        prepared / "prometheus.yml"
    ).read_text("utf-8")
    local = prepared / "local.yml"
    local.write_text(text.replace("/run/secrets", str(secrets)))
    assert tool("promtool", "check", "config", local).returncode == 0
