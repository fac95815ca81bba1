"""Does a server conform? The checks, tried one after the other over HTTP."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from tempfile import gettempdir
from types import MappingProxyType

from flk.conformance.reports.coverage import coverage
from flk.conformance.reports.progress import bar
from flk.conformance.reports.report import CaseResult, CaseStatus, Progress, Report, silent
from flk.conformance.server.check import Check
from flk.conformance.server.checks import CHECKS
from flk.conformance.server.client import Client
from flk.conformance.server.preflight import NAME, preflight
from flk.conformance.server.replies import Failed, NoAnswer, NotExercised, Unreachable
from flk.conformance.server.target import AuditLog, Commands, Drawing, NotApplicable, Operators, Server, pcs
from flk.model.flow.answers import ACKNOWLEDGED
from flk.model.record.canonical import FIXED, Profile
from flk.model.record.drawing import VrfPrivateKey
from flk.model.record.signing import Signer, sign
from flk.model.transparency.notes import BadNote, Verifier
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

DEADLINE_SECONDS = 10.0
CHECK_SECONDS = 60.0
"""For one check. Most take a moment; a server that always answers just before the deadline would hold the kit for hours."""
THOROUGH_SECONDS = 1800.0
MOST_SILENT = 3
"""Checks in a row to which no answer came, before the others are given up."""


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
    overload: str | Sequence[str] = (),
    unavailable: str | Sequence[str] = (),
    recover: str | Sequence[str] = (),
    rotation: Mapping[str, Sequence[Signer]] = MappingProxyType({}),
    retired: Mapping[str, Sequence[Signer]] = MappingProxyType({}),
    tokens: Mapping[str, str] = MappingProxyType({}),
    signing_profile: str = FIXED,
    headers: Sequence[tuple[str, str]] = (),
    nodes: Iterable[str] = (),
    admin: tuple[str, str] | None = None,
    audit: tuple[str, float] | None = None,
    vrf: tuple[str, Signer, VrfPrivateKey] | None = None,
    thorough: bool = False,
    seed: int | None = None,
    deadline: float = DEADLINE_SECONDS,
    progress: bool | None = None,
) -> Report:
    """Does a running server answer as it must, in the right order, also when two clients race or records are forged?

    `keys` are signing keys of tenants made for the purpose, for the server stores what it is sent; give two to test that tenants
    are kept apart. `rotation` are further keys of theirs that count, `retired` those that count no more; `tokens` are those that
    read their outcomes by id, where the server tells them. `checks` are names (none: all). `restart` is a command that restarts
    the server with its data, `overload` and `unavailable` bring about that submissions get 429 or 503, `recover` ends that.
    `signing_profile` is what signatures cover, `headers` go with each request. `nodes` are URLs of further nodes of the same
    region, which must answer as one. `admin` is the URL of the operators' address, and a token of theirs; `audit` the key of the
    server's audit log, as text, and in how many seconds an outcome is to be a leaf of it; `vrf` a tenant whose policy enforces
    proofs of seeds, with the key that signs for it and the one that draws. `thorough` asks ten times as much where size matters.
    `seed` makes the records of an earlier run again. An answer may take `deadline` seconds.
    `progress`: whether there is a bar; None: in a terminal or a notebook.

    First a plain record of each tenant must be taken: if not, that is the report. Raises UnusableInput for a URL that is none, if
    nobody listens there, and for an unknown check or profile.

    >>> keys = {"default": HmacKey(b"secret")}
    >>> with reference_server(keys) as url:
    ...     report = check_server(url, keys, checks=["duplicate", "bad-signature"], seed=7)
    >>> [(result.name, str(result.status)) for result in report.results]
    [('duplicate', 'passed'), ('bad-signature', 'passed')]
    """
    # Hypothesis keeps a cache, and would put it into the directory that the command is run in.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(gettempdir(), "flk-hypothesis")))
    if signing_profile not in list(Profile):
        raise UnusableInput(
            f"no signing profile is called {signing_profile}; {nearest(signing_profile, list(Profile))}"
        )
    given = (restart, overload, unavailable, recover)
    subject = Server(
        Client(url, deadline, headers),
        keys,
        SystemRandom().getrandbits(32) if seed is None else seed,
        profile=Profile(signing_profile),
        rotation=rotation,
        retired=retired,
        tokens=tokens,
        commands=Commands(*(shlex.split(words) if isinstance(words, str) else words for words in given)),
        thorough=thorough,
        others=[Client(node, deadline, headers) for node in nodes],
        operators=Operators(Client(admin[0], deadline, headers), admin[1]) if admin else None,
        audit=AuditLog(_verifier(audit[0]), audit[1]) if audit else None,
        drawing=Drawing(*vrf) if vrf else None,
    )
    with bar(shown=progress) as advance:
        return examine(subject, server_checks(*checks), progress=advance)


def _verifier(text: str) -> Verifier:
    """The key of a log. Raises UnusableInput."""
    try:
        return Verifier.parse(text)
    except BadNote as bad:
        raise UnusableInput(f"--audit-key: {bad}") from None


def examine(server: Server, checks: Iterable[Check] = CHECKS, *, progress: Progress = silent) -> Report:
    """Run the checks, one after the other, if a plain record is taken. Raises UnusableInput if nobody listens there."""
    for node in server.listeners:
        try:
            node.connect().close()
        except Unreachable as silence:
            raise UnusableInput(
                f"{node.url}: no server answers there ({silence}); start one, or correct the URL"
            ) from None
    chosen = tuple(checks)
    server.allow(CHECK_SECONDS)
    refused = preflight(server)
    results = [refused] if refused else _all_tried(chosen, server, progress)
    passed = [result.requirements for result in results if result.status is CaseStatus.PASSED]
    return Report(
        server.client.url,
        tuple(results),
        notes=(
            f"seed {server.seed}",
            *([server.refused] if server.refused else []),
            *_older_form(server, chosen, refused),
        ),
        again=_again(server, chosen, results),
        coverage=coverage(passed, [check.requirements for check in CHECKS], "checks"),
    )


def _older_form(server: Server, chosen: Sequence[Check], refused: CaseResult | None) -> tuple[str, ...]:
    """Whether the older form of signatures counts, too, which nobody can tell from outside to be configured (C14N-6)."""
    if refused is not None or server.profile is Profile.SHORTEST or len(chosen) < len(CHECKS):
        return ()
    record = server.record()
    sig = sign(server.signer(server.tenants[0]), pcs(record), Profile.SHORTEST)
    try:
        taken = server.submit({**record, "sig": sig}).status in ACKNOWLEDGED
    except NoAnswer:
        return ()
    says = f"signatures by profile {Profile.SHORTEST} count, too: C14N-6 allows that only where it is configured"
    return (says,) if taken else ()


def _all_tried(checks: Sequence[Check], server: Server, progress: Progress) -> list[CaseResult]:
    results: list[CaseResult] = []
    silent_ones = 0
    for number, one in enumerate(checks):
        progress(number, len(checks), one.name)
        if silent_ones < MOST_SILENT:
            results.append(tried(one, server))
            silent_ones = silent_ones + 1 if results[-1].status is CaseStatus.SILENT else 0
        else:
            why = f"not asked: {MOST_SILENT} checks in a row got no answer"
            results.append(CaseResult(one.name, one.claim, one.requirements, CaseStatus.NOT_EXERCISED, why))
    return results


def _again(server: Server, chosen: Sequence[Check], results: Iterable[CaseResult]) -> str:
    """The line that tries again what went wrong; all that was to be tried, if nothing did or nothing could."""
    names = [result.name for result in results if not result.conforms and result.name != NAME]
    names = names or ([] if len(chosen) == len(CHECKS) else [check.name for check in chosen])
    tenants = [f"--tenant={tenant}" for tenant in server.tenants]
    return shlex.join(
        ["flk", "conform", "server", server.client.url, "--key=KEYS.toml", *tenants, f"--seed={server.seed}"]
        + [f"--node={node.url}" for node in server.nodes[1:]]
        + server.administration
        + server.further
        + ([] if server.profile is FIXED else [f"--signing-profile={server.profile}"])
        + (["--thorough"] if server.thorough else [])
        + [f"--check={name}" for name in names]
    )


def tried(one: Check, server: Server) -> CaseResult:
    """How the check ends. To pass, a plain record must be accepted after it: who refuses everything refuses forgeries, too."""
    status, detail = CaseStatus.PASSED, ""
    details: tuple[str, ...] = ()
    server.allow(THOROUGH_SECONDS if server.thorough else CHECK_SECONDS)
    try:
        one.run(server)
        server.control()
    except Failed as failure:
        status, detail, details = CaseStatus.FAILED, str(failure), failure.details
    except NotExercised as refused:
        status, detail = CaseStatus.NOT_EXERCISED, str(refused)
    except NoAnswer as silence:
        status, detail = CaseStatus.SILENT, str(silence)
    except NotApplicable as reason:
        status, detail = CaseStatus.DECLINED, str(reason)
    return CaseResult(one.name, one.claim, one.requirements, status, detail, details=details)
