"""Records whose seed is drawn, from an agent to a node that serves, in each mode of its policy (VRF-4 to VRF-6)."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.operated import operated
from tests.support.model.policies import as_json
from tests.support.model.strategies import drawn
from tests.support.model.world import pcs, submission
from typer.testing import CliRunner

from flk.impl.command.app import app
from flk.impl.command.impl import agent, keys, policy
from flk.impl.keys import new_policy_key
from flk.model.flow.submission import Submission
from flk.model.policies.document import DEFAULT, VrfMode
from flk.model.record.record import DrawnPcs, decode

COMMANDS = {"keys": keys.keys, "agent": agent.agent, "policy": policy.commands}


def flk(command: str, *arguments: object) -> str:
    """What a command that succeeds prints."""
    done = CliRunner().invoke(COMMANDS[command], [*map(str, arguments)])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def records_of(directory: Path, key_file: Path, *options: object) -> list[Submission]:
    """What `flk agent records` makes of some points with the tenant's keys."""
    points = directory / "walk.csv"
    rows = (f"{(i * 37) % 101 / 101},{(i * 53) % 97 / 97}" for i in range(60))
    points.write_text("x,y\n" + "\n".join(rows) + "\n")
    made = flk("agent", "records", points, "--window", 20, "--keys", key_file, *options)
    return [Submission("default", line.encode()) for line in made.splitlines()]


def doubts(exposition: str) -> dict[str, float]:
    """What was counted in shadow, by requirement."""
    found = re.findall(r'^flk_vrf_doubts_total\{requirement="([A-Z0-9-]+)"\} (\S+)$', exposition, re.MULTILINE)
    return {requirement: float(count) for requirement, count in found}


def in_force(directory: Path, version: str, mode: VrfMode, key_file: Path, *at: object) -> None:
    """Register and promote a policy of this mode."""
    file = directory / f"policy-{version}.json"
    file.write_bytes(as_json(msgspec.structs.replace(DEFAULT, version=version, vrf_mode=mode)))
    flk("policy", "sign", file, "--keys", key_file, "--key", "ops")
    flk("policy", "register", file, *at)
    flk("policy", "promote", version, *at)


@pytest.mark.slow
def test_proofs_are_counted_in_shadow_and_asked_for_when_enforced(tmp_path: Path) -> None:
    """An agent with a VRF key is taken in every mode. One without is taken, taken and counted, and refused, one after the other."""
    assert app is not None
    with operated(tmp_path) as node:
        own, policy_keys = tmp_path / "keys.toml", tmp_path / "policies.toml"
        flk("keys", "new", "--id", "draws", "--vrf", "--file", own)
        policy_keys.write_text(new_policy_key("ops"))
        public = [line for line in policy_keys.read_text().splitlines() if "private" not in line]
        own.write_text(own.read_text() + "\n" + "\n".join(public) + "\n")
        assert node.ask("/admin/reload", method="POST").status == 200
        (tmp_path / "token").write_text(node.tokens["operator"])
        at = ("--node", node.admin_url, "--token-file", tmp_path / "token")
        honest = records_of(tmp_path, own, "--vrf-key", own)
        assert all(isinstance(decode(sent.body), DrawnPcs) for sent in honest)
        plain, wrong = (
            [submission(pcs(epoch=n)) for n in range(3)],
            [submission(drawn(pcs(epoch=9 + n))) for n in range(3)],
        )

        def send(number: int) -> list[int]:
            return [node.public.submit(several[number]).status for several in (honest, plain, wrong)]

        taken = [200, 202]
        before = send(0)
        assert all(status in taken for status in before)
        in_force(tmp_path, "1.1.0", VrfMode.SHADOW, policy_keys, *at)
        assert all(status in taken for status in send(1))
        assert doubts(node.ask("/metrics").body.decode()) == {"VRF-6": 1.0, "VRF-2": 1.0}
        in_force(tmp_path, "1.2.0", VrfMode.ENFORCED, policy_keys, *at)
        first, *others = send(2)
        assert first in taken
        assert others == [401, 401]
        assert node.public.submit(plain[1]).status == 401
        assert doubts(node.ask("/metrics").body.decode()) == {"VRF-6": 1.0, "VRF-2": 1.0}
        assert 'flk_refusals_total{requirement="VRF-6",status="401"} 2.0' in node.ask("/metrics").body.decode()
        enforced, off = tmp_path / "policy-1.2.0.json", tmp_path / "off.json"
        off.write_text(flk("policy", "new"))
        told = CliRunner().invoke(policy.commands, ["diff", str(off), str(enforced), "--json"])
        assert json.loads(told.stdout)["vrf_mode"] == ["off", "enforced"]
        words = ["plan", str(enforced), str(tmp_path / "data"), "--keys", str(own), "--json"]
        planned = json.loads(CliRunner().invoke(policy.commands, words).stdout)
        assert {reason: count for reason, count in planned["by_reason"].items() if "VRF" in reason} == {
            "ok -> VRF-6": 2,
            "ok -> VRF-2": 2,
        }


@pytest.mark.parametrize("options", [["--seed", "7"], []])
def test_a_seed_is_drawn_or_chosen(tmp_path: Path, options: list[str]) -> None:
    """Not both; and a key file without a key that draws is told so, with the command that makes one."""
    own = tmp_path / "keys.toml"
    flk("keys", "new", "--id", "a", "--file", own)
    if options:
        flk("keys", "new", "--id", "draws", "--vrf", "--file", own)
    (tmp_path / "p.csv").write_text("x\n1\n2\n")
    words = ["records", str(tmp_path / "p.csv"), "--vrf-key", str(own), *options]
    done = CliRunner().invoke(agent.agent, words)
    assert done.exit_code != 0
    assert ("leave out one of them" if options else "`flk keys new --vrf` makes one") in str(done.exception)
