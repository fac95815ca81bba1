"""Does a server conform? The checks, tried one after the other over HTTP."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from tempfile import gettempdir

from flk.conformance.reports.progress import bar
from flk.conformance.reports.report import CaseResult, CaseStatus, Progress, Report, silent
from flk.conformance.server.check import Check
from flk.conformance.server.checks import CHECKS
from flk.conformance.server.client import Client, Failed, NoAnswer
from flk.conformance.server.target import NotApplicable, Server
from flk.model.record.signing import Signer
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

DEADLINE_SECONDS = 10.0


def server_checks(*names: str) -> tuple[Check, ...]:
    """The checks of those names, all by default: what any server must do. Each has a name, a claim, and requirements it bears on.

    Raises UnusableInput for a name that no check has.

    >>> [check.claim for check in server_checks("accepted")]
    ['A good record gets 200 with its id, digest, timestamp, region and the whole outcome.']
    """
    known = {check.name: check for check in CHECKS}
    for name in names:
        if name not in known:
            raise UnusableInput(f"no check is called {name}; {nearest(name, list(known))}")
    return tuple(known[name] for name in names) or CHECKS


def check_server(
    url: str,
    keys: Mapping[str, Signer],
    *,
    checks: Iterable[str] = (),
    restart: str | Sequence[str] = (),
    seed: int | None = None,
    deadline: float = DEADLINE_SECONDS,
    progress: bool | None = None,
) -> Report:
    """Does a running server answer as it must, in the right order, also when two clients race or records are forged?

    `keys` are signing keys of tenants made for the purpose, for the server stores what it is sent; give two to test that tenants
    are kept apart. `checks` are names (none: all). `restart` is a command that restarts the server with its data. `seed` makes the
    records of an earlier run again. An answer may take `deadline` seconds. `progress`: whether there is a bar; None: in a terminal
    or a notebook.

    Raises UnusableInput for a URL that is none, if nothing answers there at all, and for an unknown check.

    >>> keys = {"default": HmacKey(b"secret")}
    >>> with reference_server(keys) as url:
    ...     report = check_server(url, keys, checks=["duplicate", "bad-signature"], seed=7)
    >>> [(result.name, str(result.status)) for result in report.results]
    [('duplicate', 'passed'), ('bad-signature', 'passed')]
    """
    # Hypothesis keeps a cache, and would put it into the directory that the command is run in.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(gettempdir(), "flk-hypothesis")))
    command = shlex.split(restart) if isinstance(restart, str) else restart
    number = SystemRandom().getrandbits(32) if seed is None else seed
    subject = Server(Client(url, deadline), keys, number, restart=command)
    with bar(shown=progress) as advance:
        return examine(subject, server_checks(*checks), progress=advance)


def examine(server: Server, checks: Iterable[Check] = CHECKS, *, progress: Progress = silent) -> Report:
    """Run the checks, one after the other. Raises UnusableInput if nothing answers at all."""
    try:
        server.client.request("GET", "/health")
    except NoAnswer as silence:
        raise UnusableInput(
            f"{server.client.url}: no server answers there ({silence}); start one, or correct the URL"
        ) from None
    chosen = tuple(checks)
    results = []
    for number, one in enumerate(chosen):
        progress(number, len(chosen), one.name)
        results.append(_tried(one, server))
    return Report(server.client.url, tuple(results), notes=(f"seed {server.seed}",), again=_again(server, results))


def _again(server: Server, results: Iterable[CaseResult]) -> str:
    """The line that tries again what went wrong; all that was tried, if nothing did."""
    tried = [result.name for result in results]
    names = [result.name for result in results if not result.conforms] or ([] if len(tried) == len(CHECKS) else tried)
    tenants = [f"--tenant={tenant}" for tenant in server.tenants]
    return shlex.join(
        ["flk", "conform", "server", server.client.url, "--key=KEYS.toml", *tenants, f"--seed={server.seed}"]
        + [f"--check={name}" for name in names]
    )


def _tried(one: Check, server: Server) -> CaseResult:
    status, detail = CaseStatus.PASSED, ""
    try:
        one.run(server)
    except Failed as failure:
        status, detail = CaseStatus.FAILED, str(failure)
    except NoAnswer as silence:
        status, detail = CaseStatus.SILENT, str(silence)
    except NotApplicable as reason:
        status, detail = CaseStatus.DECLINED, str(reason)
    return CaseResult(one.name, one.claim, one.requirements, status, detail)
