"""The container file: sound to its linter, without root, and made of what the wheel needs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import ROOT
from tests.support.impl.deployed import DEPLOY, tool, unknown_options

FILE = DEPLOY / "Containerfile"
TEXT = FILE.read_text("utf-8")
COPIED = [tuple(line.split()[1:]) for line in TEXT.splitlines() if line.startswith("COPY ") and "--from" not in line]


def test_its_linter_is_content_and_would_say_so(tmp_path: Path) -> None:
    """Its linter finds nothing; of a file that runs as root and takes whatever is latest it does."""
    assert tool("hadolint", FILE).stdout == ""
    (tmp_path / "Containerfile").write_text(
        TEXT.replace("USER 10001:10001", "USER root").replace(":3.13-slim-bookworm", "")
    )
    assert {"DL3002", "DL3006"} <= set(re.findall(r"DL\d+", tool("hadolint", tmp_path / "Containerfile").stdout))


def test_it_runs_a_node_without_root() -> None:
    """The last stage has a user with a number, a health check, a volume, and options that `flk serve` has."""
    last = TEXT.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", last, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", last, re.MULTILINE)
    entry, rest = (
        re.findall(r'"([^"]*)"', line) for line in re.findall(r"^(?:ENTRYPOINT|CMD) .*$", last, re.MULTILINE)
    )
    assert entry[:2] == ["flk", "serve"]
    assert not unknown_options([*entry, *rest])
    assert "pip" not in last


def test_what_it_copies_is_there() -> None:
    """Each source of the first stage exists, and so it builds from a checkout."""
    assert COPIED
    assert not [source for *sources, _ in COPIED for source in sources if not (ROOT / source).exists()]


@pytest.mark.thorough
@pytest.mark.slow
def test_what_it_copies_is_enough_for_the_wheel(tmp_path: Path) -> None:
    """The wheel is built from the files that are copied, and nothing else; pip can read the versions that are made of the lock."""
    for *sources, target in COPIED:
        for source in sources:
            place = tmp_path / (source if target == "./" else target)
            place.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, place)
    (sed,) = re.findall(r"sed '(.*)' requirements.lock > constraints.txt", TEXT)
    constraints = subprocess.run(
        ["sed", sed, "requirements.lock"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "--hash" not in constraints.stdout
    assert "\\" not in constraints.stdout
    assert re.search(r"^msgspec==", constraints.stdout, re.MULTILINE)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        "w",
        ".",
    ]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert len(list((tmp_path / "w").glob("flk_lab-*.whl"))) == 1
