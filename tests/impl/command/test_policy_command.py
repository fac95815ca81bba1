"""`flk policy`: from a file to a policy in force at a node that serves, and what it would have changed."""

import json
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.client import Client
from tests.support.impl.operated import Operated, operated
from tests.support.model.policies import WARY, as_json
from tests.support.model.world import pcs, submission
from typer.testing import CliRunner

from flk.impl.command.impl.policy import commands
from flk.impl.keys import load_keys, policy_signer
from flk.impl.server.process import server_process
from flk.model.policies.document import DEFAULT
from flk.spec.errors import UnusableInput

DEVIATING = [submission(pcs(epoch=epoch, budget=0.6)) for epoch in range(6)]


def flk(*arguments: object) -> tuple[int, str]:
    """The exit code of a command, and what it printed."""
    done = CliRunner().invoke(commands, [*map(str, arguments)])
    return done.exit_code, done.output + (f"{done.exception}" if isinstance(done.exception, UnusableInput) else "")


def loose(directory: Path, **changes: object) -> Path:
    """A policy that accepts what the default escalates, as a file, not signed."""
    file = directory / "loose.json"
    file.write_bytes(as_json(msgspec.structs.replace(DEFAULT, version="1.1.0", tol_budget=0.5, **changes)))
    return file


def with_key(directory: Path) -> Path:
    """A file with both halves of a new policy key."""
    file = directory / "policy-keys.toml"
    file.write_text(flk("key", "--id", "ops")[1])
    return file


def reloaded(node: Operated, directory: Path, keys: Path) -> None:
    """Let a node that serves know a policy key."""
    public = "\n".join(line for line in keys.read_text().splitlines() if "private" not in line)
    file = next(
        directory.glob("*keys*.toml") if not (directory / "keys.toml").exists() else iter([directory / "keys.toml"])
    )
    file.write_text(f"{file.read_text()}\n{public}\n")
    assert node.ask("/admin/reload", method="POST").status == 200


@pytest.mark.slow
def test_a_policy_goes_from_a_file_into_force_at_a_node_that_serves(tmp_path: Path) -> None:
    """Checked, signed, planned, registered, staged, promoted and rolled back, without a restart; after one all is as it was."""
    with operated(tmp_path) as node:
        policy = loose(tmp_path)
        keys = tmp_path / "signing.toml"
        keys.write_text(flk("key", "--id", "ops")[1])
        reloaded(node, tmp_path, keys)
        token = tmp_path / "token"
        token.write_text(node.tokens["operator"])
        at = ("--node", node.admin_url, "--token-file", token)
        assert node.public.submit(DEVIATING[0]).status == 202

        assert "nobody signed it" in flk("register", policy, *at)[1]
        assert "name its admin listener" in flk("history", "--node", node.server.url, "--token-file", token)[1]
        assert flk("sign", policy, "--keys", keys, "--key", "ops")[0] == 0
        assert flk("check", policy, "--keys", keys)[0] == 0
        data, own = tmp_path / "data", tmp_path / "keys.toml"
        code, told = flk("plan", policy, data, "--keys", own, "--json")
        assert code == 1
        assert (json.loads(told)["judged"], json.loads(told)["by_reason"]) == (1, {"budget_deviation -> ok": 1})

        assert flk("register", policy, *at)[0] == 0
        assert node.public.submit(DEVIATING[1]).status == 202
        assert flk("stage", "1.1.0", *at, "--share", "100")[0] == 0
        assert node.public.submit(DEVIATING[2]).status == 200
        shown = node.ask("/status").body.decode()
        assert "<td>On trial</td><td>1.1.0, which judges 100.00% of the tenants" in shown
        assert "<td>ok -&gt; budget_deviation</td><td>1 records</td>" in shown
        assert flk("rollback", *at)[0] == 0
        assert node.public.submit(DEVIATING[3]).status == 202
        assert flk("promote", "1.1.0", *at)[0] == 0
        assert node.public.submit(DEVIATING[4]).status == 200
        assert node.public.submit(DEVIATING[0]).status == 202
        code, told = flk("history", *at)
        assert [line.split()[1] for line in told.splitlines()[:-1]] == [
            "registered",
            "staged",
            "rolled_back",
            "promoted",
        ]
        assert "in force: policy 1.1.0" in told
        assert "known: 1.0.0, 1.1.0" in flk("promote", "9.0.0", *at)[1]
        code, told = flk("plan", policy, data, "--keys", own, "--json")
        assert json.loads(told)["by_reason"] == {"budget_deviation -> ok": 3}
        code, told = flk("plan", policy, data, "--keys", own, "--sample", "2", "--json")
        wary = tmp_path / "wary.json"
        wary.write_bytes(as_json(WARY))
        expected = {"budget_deviation -> D_hat_unusual": 3, "ok -> D_hat_unusual": 2}
        assert json.loads(flk("plan", wary, data, "--keys", own, "--json")[1])["by_reason"] == expected
        low, high = json.loads(told)["share_between"]
        assert json.loads(told)["judged"] == 2
        assert low <= 3 / 5 <= high
    with server_process(data, own) as server, closing(Client(server)) as client:
        assert [client.submit(sent).status for sent in DEVIATING] == [202, 202, 200, 202, 200, 200]


def test_every_mistake_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    """As compilers do, and with exit code 1."""
    file = loose(tmp_path)
    file.write_text(file.read_text().replace('"D0": 2.2', '"D0": 9').replace('"alpha": 0.3', '"alpha": "much"'))
    code, told = flk("check", file)
    assert code == 1
    assert [line.split(": ")[1] for line in told.splitlines() if str(file) in line] == ["alpha", "D0"]
    assert f"{file}:{file.read_text()[: file.read_text().index('alpha')].count(chr(10)) + 1}: alpha" in told


def test_two_policies_are_compared_by_field(tmp_path: Path) -> None:
    """Who signed is no difference."""
    file, default = loose(tmp_path), tmp_path / "default.json"
    default.write_text(flk("new")[1])
    code, told = flk("diff", default, file, "--json")
    assert code == 1
    assert json.loads(told) == {"version": ["1.0.0", "1.1.0"], "tol_budget": [0.01, 0.5]}
    wary = tmp_path / "wary.json"
    wary.write_bytes(as_json(WARY))
    assert json.loads(flk("diff", file, wary, "--json")[1])["scrutiny.slope"] == [None, [1.5, 3.5]]
    assert "scrutiny.slope: off -> [1.5, 3.5]" in flk("diff", file, wary)[1]
    keys = with_key(tmp_path)
    before = file.read_bytes()
    flk("sign", file, "--keys", keys, "--key", "ops")
    (tmp_path / "unsigned.json").write_bytes(before)
    assert flk("diff", file, tmp_path / "unsigned.json")[0] == 0


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('[[policy_key]]\nid = "ops"\npublic_base64 = "AAAA"\n', "public_base64 is not 32 bytes"),
        ('[[policy_key]]\nid = "a b"\npublic_base64 = "AAAA"\n', r"policy_key\[0\].id"),
        ("{key}{key}", "stands twice"),
    ],
)
def test_a_key_that_is_none_is_told(tmp_path: Path, lines: str, told: str) -> None:
    """A node does not start with it, and a reload keeps the keys it has."""
    key = '[[key]]\ntenant = "default"\nid = "a"\nalgorithm = "hmac-sha256"\nsecret = "s"\n'
    file = tmp_path / "keys.toml"
    file.write_text(key + lines.replace("{key}", flk("key", "--id", "ops")[1]))
    with pytest.raises(ValueError, match=told):
        load_keys(file)
    with pytest.raises(ValueError, match=r"no private half|policy key|no policy keys"):
        policy_signer(file, "nobody")
