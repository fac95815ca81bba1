"""Fresh environments with the packages of chosen extras and no others, without a network: links to the packages installed here."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from tests.support import ROOT


class Environment(NamedTuple):
    """An environment that a wheel is installed in. What runs in it sees neither the checkout nor the packages of the tests."""

    home: Path

    def flk(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command that the wheel installed."""
        return self._run([str(self.home / "bin" / "flk"), *arguments], cwd)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the interpreter."""
        return self._run([str(self.home / "bin" / "python"), *arguments], None)

    def _run(self, command: list[str], cwd: Path | None) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        return subprocess.run(command, cwd=cwd or self.home, env=clean, capture_output=True, text=True, check=False)


def build(directory: Path) -> tuple[Path, Path]:
    """The sdist of the checkout, and the wheel that is built from the sdist."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return sdist, wheel


def install(wheel: Path, home: Path, extra: str = "") -> Environment:
    """An environment in `home` with the wheel, and with what the wheel itself says that it needs, with that extra or none."""
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], capture_output=True, text=True, check=True)
    (site,) = home.glob("lib/python*/site-packages")
    (metadata,) = site.glob("flk_lab-*.dist-info")
    for needed in _closure(Distribution.at(metadata), extra):
        _link(needed, site)
    return Environment(home)


def _closure(start: Distribution, extra: str) -> list[Distribution]:
    """All that a distribution needs, and what that needs, as installed here."""
    found: dict[str, Distribution] = {}
    waiting: list[tuple[Distribution, Sequence[str]]] = [(start, ["", extra])]
    while waiting:
        needing, extras = waiting.pop()
        for requirement in map(Requirement, needing.requires or []):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": each}) for each in extras):
                needed = distribution(requirement.name)
                if needed.name not in found or requirement.extras:
                    found[needed.name] = needed
                    waiting.append((needed, ["", *requirement.extras]))
    return list(found.values())


def _link(installed: Distribution, site: Path) -> None:
    for top in {file.parts[0] for file in installed.files or []} - {"..", "__pycache__"}:
        link = site / top
        if not link.exists():
            link.symlink_to(Path(str(installed.locate_file(top))))
