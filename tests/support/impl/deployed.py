"""What the deployment files are held against: the options of `flk serve`, and the tools that read such files."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support import ROOT
from typer import Context

from flkdocs import command

DEPLOY = ROOT / "impl" / "deploy"
HELM, VALIDATE, KUBERNETES = "v3.22.0", "kubernetes-validate==1.37.0", "1.33"
TOOLS = ROOT / "out" / "tools"
"""Where tools that take minutes to build are kept from one run to the next."""


def tool(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool, beside Python or from the path."""
    beside = Path(sys.executable).parent / str(words[0])
    return subprocess.run(
        [beside if beside.is_file() else words[0], *words[1:]], cwd=cwd, capture_output=True, text=True, check=False
    )


def unknown_options(arguments: Sequence[str]) -> list[str]:
    """The options among arguments that `flk serve` does not have."""
    serve = dict(command.subcommands(command.tree()))["serve"]
    assert isinstance(serve, command.Command)
    known = set[str]().union(*(each.opts for each in command.parameters(serve, Context(serve))))
    return [word for word in arguments if word.startswith("--") and word not in known]


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Helm, which is built from its module once."""
    binary = TOOLS / f"helm-{HELM}" / "helm"
    if not binary.is_file():
        built = {**os.environ, "GOBIN": str(binary.parent), "GOFLAGS": "-buildvcs=false"}
        subprocess.run(["go", "install", f"helm.sh/helm/v3/cmd/helm@{HELM}"], env=built, check=True)
    return subprocess.run([binary, *words], capture_output=True, text=True, check=False)


def complaints(manifests: Path) -> list[str]:
    """What the schemas of Kubernetes say against manifests. They are installed once, apart from all else: 17,000 files."""
    place = TOOLS / VALIDATE.replace("==", "-")
    if not place.is_dir():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", place, VALIDATE], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "kubernetes_validate", "--strict", "--kubernetes-version", KUBERNETES, manifests],
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("INFO")]
    return [line for line in said if "monitoring.coreos.com" not in line]  # of the operator, not of Kubernetes
