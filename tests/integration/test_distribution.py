"""What is built from the checkout: complete, installable in a fresh environment, and useful with as few packages as asked for."""

import json
import os
import re
import shlex
import subprocess
import tarfile
import venv
from collections.abc import Callable, Iterator
from fnmatch import filter as matching
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from tests.support import ROOT
from tests.support.impl.environments import Environment, build, install

from flk.formal.proofs.coq import headlines
from flk.spec import __version__

pytestmark = pytest.mark.slow

ROOMS = ("spec", "model", "formal", "sim", "impl", "conformance")

Built = tuple[Path, Path]
With = Callable[[str], Environment]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist, and the wheel made of it."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> With:
    """The environment with the wheel and one extra; with the core only for the empty one."""
    return cache(lambda extra: install(built[1], tmp_path_factory.mktemp(extra or "core") / "env", extra))


def test_the_wheel_holds_all_that_the_rooms_read_and_nothing_else(built: Built) -> None:
    """Every file of the checkout's packages and the sources of the Coq proofs are in the wheel; tests and notebooks are not."""
    with ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {
        path.relative_to(ROOT / room).as_posix()
        for room in ROOMS
        for path in (ROOT / room / "flk").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    coq = {f"flk/formal/coq/{path.name}" for path in (ROOT / "formal" / "coq").iterdir() if path.is_file()}
    assert names == files | coq
    assert {f"flk/{room}/py.typed" for room in ROOMS} <= names
    for pattern in (
        "flk/sim/*.toml", "flk/sim/*.c", "flk/model/*.c", "flk/sim/*.j2", "flk/formal/*.c", "flk/formal/*.numba", "flk/formal/*.j2",
        "flk/spec/vectors/*.json", "flk/conformance/*.json", "flk/conformance/*.css", "flk/formal/coq/*.v",
    ):  # fmt: skip
        assert matching(names, pattern), pattern


def test_the_sdist_holds_what_the_checkout_holds(built: Built) -> None:
    """The tests, the notebooks and the lock file are in it, so that a distributor can run `make test`."""
    with tarfile.open(built[0]) as sdist:
        tops = {name.split("/")[1] for name in sdist.getnames() if "/" in name}
    assert {*ROOMS, "tests", "notebooks", "README.md", "Makefile", "pyproject.toml", "requirements.lock"} <= tops


def test_the_command_says_its_version(environment: With) -> None:
    """`flk --version` prints the version of the package that is installed."""
    assert environment("").flk("--version").stdout == f"flk-lab {__version__}\n"


def test_the_core_judges_an_sdk(environment: With) -> None:
    """With NumPy beside the core, `flk conform sdk` puts every vector to our own model and finds that it conforms."""
    core = environment("signals")
    subject = (str(core.home / "bin" / "python"), "-m", "flk.conformance.sdk.subject")
    done = core.flk("conform", "sdk", "--generate", "1", "--json", "--", *subject)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["conclusion"], told["notes"]) == ("conforms", [])


def test_the_kit_alone_judges_all_vectors_and_says_what_it_cannot_generate(environment: With, tmp_path: Path) -> None:
    """Without NumPy a subject that measures points is judged by the vectors as before: one answer too many is found. That no
    cases of these two operations are generated is told, with the line that mends it.
    """
    (tmp_path / "counts.py").write_text(COUNTING, "utf-8")
    subject = (str(environment("signals").home / "bin" / "python"), str(tmp_path / "counts.py"))
    done = environment("").flk(
        "conform", "sdk", "--operation", "count_cells", "--generate", "5", "--json", "--", *subject
    )
    assert done.returncode == 1, done.stdout + done.stderr
    told = json.loads(done.stdout)
    failed = [result["name"] for result in told["results"] if result["verdict"] == "failed"]
    assert failed == ["count_cells/around-zero"]
    (note,) = (note for note in told["notes"] if "count_cells" in note)
    assert note.endswith("pip install 'flk-lab[signals]'")


def test_the_model_without_numpy_declines_what_it_cannot_measure(environment: With) -> None:
    """`flk conform subject` answers the rest, and the verdict is capped."""
    core = environment("")
    subject = (str(core.home / "bin" / "flk"), "conform", "subject")
    done = core.flk("conform", "sdk", "--operation", "count_cells", "--operation", "d_hat", "--", *subject)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "conforms to the profile partial" in " ".join(done.stdout.split())


def test_the_kit_alone_is_small(environment: With) -> None:
    """No numerical library is installed with the core, and no more than one library of cryptography."""
    (site,) = environment("").home.glob("lib/python*/site-packages")
    assert {"numpy", "scipy", "cryptography"}.isdisjoint(path.name for path in site.iterdir())


@pytest.mark.thorough
def test_pipx_runs_the_kit_without_the_repository(built: Built, tmp_path: Path) -> None:
    """`pipx run` of the wheel, by the real pipx and with packages of the registry, judges a subject in an empty folder."""
    (tmp_path / "my_sdk.py").write_text(_example(), "utf-8")
    venv.create(tmp_path / "pipx", with_pip=True, symlinks=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    clean |= {"PIPX_HOME": str(tmp_path / "home"), "PIPX_BIN_DIR": str(tmp_path / "bin")}
    binaries = tmp_path / "pipx" / "bin"

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return " ".join(done.stdout.split())

    run(str(binaries / "pip"), "install", "--quiet", "pipx")
    kit = (str(binaries / "pipx"), "run", "--spec", str(built[1]), "flk")
    told = run(*kit, "conform", "sdk", "--", "python3", "my_sdk.py")
    assert "conforms to the profile partial: 337 of" in told


def _example() -> str:
    """The subject of the protocol's page."""
    (source,) = re.findall(r"```python\n(.*?)```", (ROOT / "conformance/PROTOCOL.md").read_text("utf-8"), re.DOTALL)
    return str(source)


def test_the_workflow_for_ci_runs_with_the_core_alone(environment: With, tmp_path: Path) -> None:
    """In an empty folder with a subject and its file, each `run:` step but the installation, and all the reports are there."""
    core = environment("")
    (tmp_path / "my_sdk.py").write_text(_example(), "utf-8")
    (tmp_path / "flk-subject.toml").write_text('[[subject]]\nname = "mine"\ncommand = "python3 my_sdk.py"\n')
    workflow = yaml.safe_load((ROOT / "conformance/examples/flk-conformance.yml").read_text("utf-8"))
    steps = [step["run"] for step in workflow["jobs"]["conformance"]["steps"] if "run" in step]
    assert steps[0].endswith("pip install flk-lab")
    for line in steps[1:]:
        words = shlex.split(line)
        assert words[0] == "flk"
        done = core.flk(*words[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    kept = ("conformance.html", "conformance.xml", "conformance.ndjson", "badges/mine.svg")
    assert all((tmp_path / name).stat().st_size for name in kept)


def test_numpy_is_all_that_signed_records_need(environment: With) -> None:
    """With NumPy beside the core, records of a CSV file are computed and signed with a fresh key, and requirements are shown."""
    core = environment("signals")
    (core.home / "keys.toml").write_text(core.flk("keys", "new", "--id", "a").stdout)
    (core.home / "track.csv").write_text("x,y\n" + "".join(f"{n},{n * n % 97}\n" for n in range(64)))
    made = core.flk("agent", "records", "track.csv", "--keys", "keys.toml")
    assert made.returncode == 0, made.stderr
    assert '"sig":"' in made.stdout
    assert "WAL-1" in core.flk("spec", "show", "WAL-1").stdout


COUNTING = """
from flk.conformance.operations import OPERATIONS
from flk.conformance.operations.signals import ScaledCloud, count_cells
from flk.conformance.sdk.subject import main


def truncated(given: ScaledCloud) -> dict[str, int]:
    return {**count_cells(given), "1": 1} if len(given.points) == 2 and given.points[0] == (-0.1,) else count_cells(given)


main({**OPERATIONS, "count_cells": truncated}, "truncates")
"""


PARTS = {
    "": ("spec", "model", "conformance", "impl/agent"),
    "client": ("impl/client",),
    "frames": ("impl/client/frames.py",),
    "signals": ("model/record/points.py", "model/samples", "impl/agent/sources.py"),
    "formal": ("formal", "impl/bench/validate.py"),
    "sim": ("sim",),
    "mutate": ("formal/mutation", "sim/mutation"),
    "pii": ("model/personal",),
    "evidence": ("impl/evidence",),
    "server": ("impl/server", "impl/storage"),
    "bench": ("impl/bench",),
}
"""For each extra, the folders and modules of the package that need no other. A part within a part belongs to its own extra only."""


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("extra", PARTS)
def test_an_extra_is_all_that_its_parts_need(environment: With, extra: str) -> None:
    """Every module of a part can be imported where only the core and the extra of that part are installed."""
    home = environment(extra)
    (package,) = home.home.glob("lib/python*/site-packages/flk")
    modules = [module for part in PARTS[extra] for module in _modules(package, part)]
    script = "import importlib, sys\nfor module in sys.argv[1:]:\n    importlib.import_module(module)"
    done = home.python("-c", script, *modules)
    assert done.returncode == 0, done.stderr


def _modules(package: Path, part: str) -> Iterator[str]:
    """The names of a part's modules, without those of the parts within it."""
    home = package / part
    others = {package / other for parts in PARTS.values() for other in parts if home in (package / other).parents}
    paths = sorted(home.rglob("*.py")) if home.is_dir() else [home]
    assert paths, part
    for path in paths:
        # The plugin is loaded by pytest, and by nothing else.
        if path.stem not in {"__main__", "plugin"} and others.isdisjoint({path, *path.parents}):
            yield ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("run calm", "sim"),
        ("sweep calm --seeds 2", "sim"),
        ("hunt --seeds 1", "sim"),
        ("bench sim", "sim"),
        ("lab", "server"),
        ("agent records dataset:goog-prices", "sim"),
        ("agent records track.csv", "signals"),
        ("explore replication", "formal"),
        ("prove", "formal"),
        ("prove coq", "formal"),
        ("claims", "formal"),
        ("spec trace", "formal"),
        ("mutate --protocol two-phase-commit", "mutate"),
        ("mutate --programs programs.py:PROGRAMS", "mutate"),
        ("serve --data data --keys keys.toml", "server"),
        ("bench ingest", "bench"),
        ("evidence soc2 --from 2026-01-01 --to 2026-04-01", "evidence"),
    ],
)
def test_a_command_without_its_extra_names_the_line_that_installs_it(
    environment: With, command: str, extra: str
) -> None:
    """One line on standard error names the package and what to type, and the exit code is 2."""
    done = environment("").flk(*command.split())
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("flk: ")
    assert line.endswith(f": pip install 'flk-lab[{extra}]'")


@pytest.mark.parametrize(
    ("script", "extra"),
    [
        ("from flk.model import coherence", "signals"),
        ("from flk.model import samples", "signals"),
        (
            "from flk.model import summarise; summarise([[0.5]], b'', shard_id='s', epoch=0, seed=0, sent_at='')",
            "signals",
        ),
        ("from flk.sim import run", "sim"),
        ("from flk.sim import hunt", "sim"),
        ("from flk.formal import explore; explore('replication')", "formal"),
        ("from flk.formal import prove; prove('replication')", "formal"),
    ],
)
def test_a_door_without_its_extra_names_the_line_that_installs_it(environment: With, script: str, extra: str) -> None:
    """Who uses a name of a room whose extra is missing gets MissingExtra, with the line to type."""
    last = environment("").python("-c", script).stderr.splitlines()[-1]
    assert last.startswith("flk.spec.errors.MissingExtra: ")
    assert last.endswith(f": pip install 'flk-lab[{extra}]'")


def test_the_doors_of_the_core_open_without_an_extra(environment: With) -> None:
    """Every name of `flk.model` and `flk.conformance` is there with the core alone, but for three that need NumPy."""
    script = "import flk.model, flk.conformance\nfor room in (flk.model, flk.conformance):\n"
    script += "    names = set(room.__all__) - {'coherence', 'count_cells', 'samples'}\n"
    script += "    print([getattr(room, name) for name in names] != [])"
    assert environment("").python("-c", script).stdout.split() == ["True", "True"]


def test_the_wheel_carries_the_coq_proofs(environment: With) -> None:
    """Installed with its extra, the prover reads the same theorems for Coq as in a checkout."""
    script = "from flk.formal.proofs.coq import headlines; print([one.name for one in headlines()])"
    assert environment("formal").python("-c", script).stdout == f"{[one.name for one in headlines()]}\n"


def test_the_wheel_simulates_and_explores(environment: With) -> None:
    """Installed with its extras, a scenario of the library passes and writes its page, and a protocol is explored."""
    lab = environment("all")
    run = lab.flk("run", "calm", "--html", "calm.html")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "<svg" in (lab.home / "calm.html").read_text()
    explored = lab.flk("explore", "two-phase-commit", "--html", "commit.html")
    assert explored.returncode == 0, explored.stdout + explored.stderr
    assert (lab.home / "commit.html").is_file()
