"""The unit: sound to systemd, with little that it may do, and options that `flk serve` has."""

import re
import sys
from pathlib import Path

import pytest
from tests.support.impl.command import flk
from tests.support.impl.deployed import DEPLOY, tool, unknown_options

FOLDER = DEPLOY / "systemd"
UNIT = (FOLDER / "flk.service").read_text("utf-8")
EXPOSED = 1.5
"""The most that `systemd-analyze security` may say of the unit, of 10; without its restrictions it is 9.2."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it is installed, with a program that is here."""
    path = tmp_path / "flk.service"
    path.write_text(UNIT.replace("/opt/flk/bin/flk", sys.executable))
    return path


def test_systemd_takes_it_and_would_complain(unit: Path) -> None:
    """`systemd-analyze verify` finds nothing; of a word that it does not know it does."""
    assert tool("systemd-analyze", "verify", unit).stderr == ""
    unit.write_text(unit.read_text().replace("ProtectSystem=", "ProtectsSystem="))
    assert "ProtectsSystem" in tool("systemd-analyze", "verify", unit).stderr


def test_it_may_do_little(unit: Path) -> None:
    """The exposure that systemd computes is low; a unit that says nothing is called unsafe."""
    found = tool("systemd-analyze", "security", "--offline=true", unit).stdout
    assert float(re.findall(r"exposure level for flk.service: ([\d.]+)", found)[0]) <= EXPOSED
    unit.write_text(f"[Service]\nExecStart={sys.executable}\n")
    bare = tool("systemd-analyze", "security", "--offline=true", unit).stdout
    assert float(re.findall(r"exposure level for flk.service: ([\d.]+)", bare)[0]) > 9


def test_it_starts_a_node_and_keeps_it() -> None:
    """Options that there are; keys are read again on SIGHUP; what cannot be used is not started again and again, all else is."""
    (start,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert start.startswith("/opt/flk/bin/flk serve ")
    assert not unknown_options(start.split())
    assert "--config /etc/flk/flk.toml" in start
    assert "ExecReload=/bin/kill -HUP $MAINPID" in UNIT
    assert "Restart=always" in UNIT
    assert "RestartPreventExitStatus=2" in UNIT
    assert not re.search(
        r"^ProcSubset=", UNIT, re.MULTILINE
    )  # without /proc/stat nobody knows when the process was started


@pytest.mark.slow
def test_the_settings_beside_it_can_be_meant(tmp_path: Path) -> None:
    """`flk serve --check` takes them; with a setting that there is none of, it names the line."""
    keys, settings = tmp_path / "keys.toml", tmp_path / "flk.toml"
    assert flk("keys", "new", "--id", "a", "--file", str(keys)).returncode == 0
    settings.write_text((FOLDER / "flk.toml").read_text("utf-8"))
    command = ("serve", "--check", "--config", str(settings), "--data", str(tmp_path / "data"), "--keys", str(keys))
    done = flk(*command)
    assert done.returncode == 0, done.stderr
    settings.write_text(settings.read_text("utf-8").replace("peer =", "peers ="))
    assert "peers" in flk(*command).stderr


def test_user_and_directories_can_be_made(tmp_path: Path) -> None:
    """The tools of systemd would make the user that the unit names, and make the directory, where only root writes."""
    done = tool("systemd-sysusers", "--dry-run", FOLDER / "flk.sysusers")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^User=(.*)$", UNIT, re.MULTILINE) == ["flk"]
    lines = re.sub(r" root flk ", " - - ", (FOLDER / "flk.tmpfiles").read_text("utf-8"))  # the user is not here
    (tmp_path / "flk.conf").write_text(lines)
    done = tool("systemd-tmpfiles", "--create", "--root", tmp_path, tmp_path / "flk.conf")
    assert done.returncode == 0, done.stderr
    assert oct((tmp_path / "etc" / "flk").stat().st_mode)[-4:] == "0750"
    assert oct((tmp_path / "etc" / "flk" / "environment").stat().st_mode)[-4:] == "0640"
