"""The chart: values that can be meant, manifests that Kubernetes takes, mistakes that are refused with the mend."""

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.support.impl.deployed import DEPLOY, KUBERNETES, complaints, helm, unknown_options

from flk.spec.metrics import rules

CHART = DEPLOY / "helm" / "flk"
PLAIN = DEPLOY / "kubernetes.yaml"
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def of_kind(kind: str, text: str) -> dict[str, Any]:
    """The first manifest of a kind."""
    found: dict[str, Any] = next(one for one in yaml.safe_load_all(text) if one["kind"] == kind)
    return found


def test_the_values_are_as_their_schema_says_and_a_mistake_is_seen() -> None:
    """The schema is one, and knows every value; an unknown name, a wrong kind and an impossible number are refused."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(VALUES, SCHEMA)
    assert VALUES.keys() == SCHEMA["properties"].keys() - {"global"}
    for wrong in ({"node": 3}, {"nodes": 0}, {"nodes": "three"}, {"region": "EU west"}, {"objects": {"url": "/tmp/x"}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**VALUES, **wrong}, SCHEMA)


def test_the_plain_manifests_run_a_node_that_holds_what_is_promised() -> None:
    """One pod with a volume that stays, no root, nothing to write but its data, the three probes, and options that there are."""
    text = PLAIN.read_text("utf-8")
    spec = of_kind("StatefulSet", text)["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert not unknown_options(container["args"])
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    probes = {
        probe: container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert probes == {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
    assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    names = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert names in [rule.get("ports") for rule in of_kind("NetworkPolicy", text)["spec"]["egress"]]
    assert of_kind("PodDisruptionBudget", text)["spec"]["maxUnavailable"] == 1


def values(**changed: object) -> list[str]:
    """Values as options of Helm."""
    return [
        "--kube-version",
        f"{KUBERNETES}.0",
        *(f"--set-json={name}={json.dumps(value)}" for name, value in changed.items()),
    ]


VARIANTS: dict[str, dict[str, object]] = {
    "alone": {"keysSecret": "k"},
    "its own keys": {"keys": "[[key]]\n"},
    "several nodes": {"keysSecret": "k", "nodes": 3, "storeSecret": "s", "options": ["--back-pressure"]},
    "as many as it takes": {
        "keysSecret": "k",
        "storeSecret": "s",
        "nodes": 2,
        "autoscaling": {"enabled": True, "max": 4},
        "region": "us",
        "peers": ["eu", "ap"],
        "objects": {"url": "s3://b/p", "secret": "o"},
    },
    "operated": {
        "keysSecret": "k",
        "admin": {
            "accessSecret": "a",
            "from": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
            "tokenSecret": {"name": "p"},
        },
        "tenants": '[[tenant]]\nid = "acme"\n',
        "otlp": {"url": "http://collector:4318", "sample": 0.05, "secret": "h"},
        "objects": {"url": "s3://b/p", "secret": "o"},
        "monitoring": {"enabled": True},
    },
    "watched, and closed to others": {
        "keysSecret": "k",
        "tls": {"secret": "t"},
        "monitoring": {"enabled": True, "labels": {"release": "p"}, "rules": rules()},
        "network": {"from": [{"namespaceSelector": {}}], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
        "volume": {"size": "1Ti", "storageClass": "fast"},
        "imagePullSecrets": [{"name": "r"}],
        "tolerations": [{"key": "flk", "operator": "Exists"}],
        "podAnnotations": {"a": "b"},
    },
}


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_what_it_renders_is_taken_by_kubernetes(name: str, tmp_path: Path) -> None:
    """Helm's linter is content, and the schemas of Kubernetes, strictly, with every manifest."""
    chosen = values(**VARIANTS[name])
    linted = helm("lint", "--strict", CHART, *chosen)
    assert linted.returncode == 0, linted.stdout
    rendered = helm("template", "flk", CHART, *chosen)
    assert rendered.returncode == 0, rendered.stderr
    (tmp_path / "all.yaml").write_text(rendered.stdout)
    assert not complaints(tmp_path / "all.yaml")
    scaled = "autoscaling" in VARIANTS[name]
    assert ("replicas" in of_kind("StatefulSet", rendered.stdout)["spec"]) != scaled
    assert ("HorizontalPodAutoscaler" in rendered.stdout) == scaled
    (container,) = of_kind("StatefulSet", rendered.stdout)["spec"]["template"]["spec"]["containers"]
    secure = "tls" in VARIANTS[name]
    assert ("--tls-key" in container["args"]) == secure
    assert {container[probe]["httpGet"].get("scheme") for probe in PROBES} == {"HTTPS" if secure else None}
    if "operated" in name:
        check_operated(rendered.stdout, container)
    elif "monitoring" in VARIANTS[name]:
        assert of_kind("PrometheusRule", rendered.stdout)["spec"] == yaml.safe_load(rules())
        (endpoint,) = of_kind("ServiceMonitor", rendered.stdout)["spec"]["endpoints"]
        assert {"targetLabel": "job", "replacement": "flk"} in endpoint["relabelings"]


def check_operated(text: str, container: dict[str, Any]) -> None:
    """Operators have a port of their own, which the policy opens to the named alone, and Prometheus a token for it."""
    assert not unknown_options(container["args"])
    pairs = list(pairwise(container["args"]))
    assert {("--admin-port", "8081"), ("--tenants", "/etc/flk/tenants.toml"), ("--otlp-sample", "0.05")} <= {*pairs}
    assert [each["secretRef"]["name"] for each in container["envFrom"]] == ["o", "h"]
    everybody, operators = of_kind("NetworkPolicy", text)["spec"]["ingress"]
    assert (everybody["ports"][0]["port"], "from" in everybody) == ("http", False)
    assert operators["ports"] == [{"port": "admin", "protocol": "TCP"}]
    assert operators["from"] == [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    (endpoint,) = of_kind("ServiceMonitor", text)["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["authorization"]["credentials"]) == ("admin", {"name": "p", "key": "token"})
    submitted, nodes = (one for one in yaml.safe_load_all(text) if one["kind"] == "Service")
    assert [port["name"] for port in submitted["spec"]["ports"]] == ["http"]
    assert [port["name"] for port in nodes["spec"]["ports"]] == ["http", "admin"]
    assert tomllib.loads(of_kind("ConfigMap", text)["data"]["tenants.toml"]) == {"tenant": [{"id": "acme"}]}


@pytest.mark.thorough
@pytest.mark.slow
def test_the_plain_manifests_are_what_it_renders(tmp_path: Path) -> None:
    """With the command that stands at their top."""
    _, command, rest = PLAIN.read_text("utf-8").split("\n", 2)
    words = command.removeprefix("# helm ").replace("impl/deploy/helm/flk", str(CHART)).split()
    assert helm(*words).stdout == rest
    (tmp_path / "wrong.yaml").write_text(rest.replace("maxUnavailable", "mostUnavailable"))
    assert not complaints(PLAIN)
    assert complaints(tmp_path / "wrong.yaml")


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "mend"),
    [
        ({}, "keysSecret: a node needs a key file"),
        ({"keysSecret": "k", "nodes": 2}, "several nodes of a region share a store"),
        ({"keysSecret": "k", "autoscaling": {"enabled": True}}, "nodes come and go only where they share a store"),
        ({"keysSecret": "k", "storeSecret": "s", "nodes": 9, "autoscaling": {"enabled": True}}, "is less than nodes"),
        ({"keysSecret": "k", "peers": ["us"]}, "name it in objects.url"),
        ({"keysSecret": "k", "node": 2}, "node"),
        ({"keysSecret": "k", "admin": {"accessSecret": "a"}}, "name who may reach it"),
        (
            {"keysSecret": "k", "admin": {"accessSecret": "a", "from": [{}]}, "monitoring": {"enabled": True}},
            "metrics are told to a token only",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(changed: dict[str, object], mend: str) -> None:
    """Nothing is rendered, and the message names the value and the mend."""
    done = helm("template", "flk", CHART, *values(**changed))
    assert done.returncode != 0
    assert mend in done.stderr
