"""`flk conform`: does an SDK, or a server, do what the specification says?"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.conformance.publishing import (
    Badge,
    Files,
    Html,
    Json,
    Junit,
    Ndjson,
    as_json,
    exit_of,
    publish,
    show,
    streamed,
    streaming,
    write_badge,
)
from flk.impl.command.conformance.trace import NAME, Traced
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

if TYPE_CHECKING:
    from flk.conformance import Report

conform = typer.Typer(name="conform", no_args_is_help=True, help="Ask an SDK or a server whether it conforms.")
app.add_typer(conform)


def _operations(incomplete: str) -> list[str]:
    from flk.conformance.operations import OPERATIONS

    return [name for name in OPERATIONS if name.startswith(incomplete)]


Operations = Annotated[
    list[str] | None, typer.Option("--operation", help="Only these operations.", autocompletion=_operations)
]


def _profiles(incomplete: str) -> list[str]:
    from flk.spec.profiles import profiles

    return [one.name for one in profiles() if one.name.startswith(incomplete)]


Requirements = Annotated[
    list[str] | None,
    typer.Option("--requirement", help="Only cases that bear on this one; a star stands for any: SIGN-*."),
]
Cases = Annotated[
    list[str] | None, typer.Option("--case", help="Only these cases; * stands for anything within a part, ** across.")
]
Known = Annotated[
    Path | None,
    typer.Option(help="Failures that are expected, a line each: PATTERN ISSUE YYYY-MM-DD WHY.", dir_okay=False),
]


@conform.command()
def sdk(
    command: Annotated[list[str], typer.Argument(help="The command that starts the subject, after --.")],
    *,
    operation: Operations = None,
    profile: Annotated[
        str | None,
        typer.Option(help="Ask for this profile, of which nothing may be declined.", autocompletion=_profiles),
    ] = None,
    requirement: Requirements = None,
    case: Cases = None,
    known_failures: Known = None,
    generate: Annotated[
        int, typer.Option(min=0, help="Draw so many more cases of each operation; what fails is shrunk.", metavar="N")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Which cases are drawn.")] = 0,
    keep: Annotated[
        Path | None,
        typer.Option(help="Ask the cases of this file, too, and add the generated ones that fail.", dir_okay=False),
    ] = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds that may pass without an answer.")] = 10.0,
    json: Json = False,
    junit: Junit = None,
    ndjson: Ndjson = None,
    html: Html = None,
    badge: Badge = None,
) -> None:
    """Put the vectors to a command that speaks the SDK protocol (conformance/PROTOCOL.md).

    Exit code 0: it conforms, to a profile if it declines anything, but for known failures if there are any; 1: it does not, or the
    list of known failures is not true; 2: it cannot be talked to, or nothing applies.
    """
    from flk.conformance import check_sdk

    report = streamed(
        ndjson,
        shlex.join(command),
        lambda each: check_sdk(
            command,
            operation,
            profile=profile,
            requirements=requirement or (),
            cases=case or (),
            known_failures=known_failures,
            generate=generate,
            seed=seed,
            keep=keep,
            deadline=deadline,
            each=each,
        ),
    )
    _publish(report, Files(junit, html), badge, json=json)


@conform.command()
def server(
    url: Annotated[
        str, typer.Argument(help="Base URL of the server, with the prefix of its paths: http://HOST:PORT or …/PREFIX.")
    ],
    *,
    key: Annotated[Path, typer.Option(help="Key file with signing keys of the tenants.", dir_okay=False)],
    tenant: Annotated[
        list[str] | None,
        typer.Option(help="A tenant whose records are sent; give two to test that they are kept apart."),
    ] = None,
    check: Annotated[list[str] | None, typer.Option(help="Only these checks.")] = None,
    known_failures: Known = None,
    signing_profile: Annotated[
        str, typer.Option(help="What signatures cover: fixed9, judged (C14N-9) or shortest (C14N-6).")
    ] = "fixed9",
    header: Annotated[list[str] | None, typer.Option(help="A header of each request: 'Name: value'.")] = None,
    token: Annotated[
        list[str] | None,
        typer.Option(
            help="A token that reads a tenant's outcomes by id, where the server tells them. Once for each.",
            metavar="TENANT=TOKEN",
        ),
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option(
            help="Base URL of another node of the same region, which must answer as one with it.", metavar="URL"
        ),
    ] = None,
    admin: Annotated[
        str | None, typer.Option(help="Base URL of its operators' address, which is asked, too.", metavar="URL")
    ] = None,
    admin_token: Annotated[
        str, typer.Option(help="An operator's token, with --admin.", envvar="FLK_ADMIN_TOKEN", show_envvar=True)
    ] = "",
    audit_key: Annotated[
        str,
        typer.Option(
            help="The key of its audit log, if it has one: what checkpoints are signed with.", metavar="NAME+ID+KEY"
        ),
    ] = "",
    audit_within: Annotated[
        float, typer.Option(min=0, help="Seconds in which an acknowledged record must be a leaf of the audit log.")
    ] = 60.0,
    vrf: Annotated[
        str,
        typer.Option(
            help="A tenant whose policy enforces proofs of seeds, with a VRF key in the key file.", metavar="TENANT"
        ),
    ] = "",
    restart: Annotated[
        str,
        typer.Option(
            help="A command that restarts the server with its data, best by a kill: to see what survives.",
        ),
    ] = "",
    overload: Annotated[str, typer.Option(help="A command after which submissions get 429, until --recover.")] = "",
    unavailable: Annotated[str, typer.Option(help="A command after which they get 503, until --recover.")] = "",
    recover: Annotated[str, typer.Option(help="The command that ends what the two brought about.")] = "",
    thorough: Annotated[bool, typer.Option("--thorough", help="Ask ten times as much where size matters.")] = False,
    trace: Annotated[
        list[Path] | None,
        typer.Option(help="The trace that the server writes, of each node one: it is followed as by `flk validate`."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Make the records of an earlier run again.")] = None,
    deadline: Annotated[float, typer.Option(min=0.1, help="Seconds that an answer may take.")] = 10.0,
    json: Json = False,
    junit: Junit = None,
    ndjson: Ndjson = None,
    html: Html = None,
    badge: Badge = None,
) -> None:
    """Ask a running server what any server must answer. It stores the records it is sent: use tenants made for the purpose.

    A plain record of each tenant comes first: if that is refused, the report says what was signed, and with which key. Of several
    keys of a tenant in the file all that are live must count, and none that is not.

    Exit code 0: it conforms; 1: it does not; 2: it cannot be talked to.
    """
    from flk.conformance import check_server, server_checks
    from flk.conformance.reports.known import read
    from flk.conformance.reports.stream import write
    from flk.conformance.server.client import header as read_header
    from flk.impl.keys import load_drawing_key, load_signers
    from flk.spec.constants import CONSTANTS

    traced = Traced(trace) if trace else None
    signers = {name: load_signers(key, name) for name in tenant or [CONSTANTS.node.default_tenant]}
    report = check_server(
        url,
        {name: found.newest for name, found in signers.items()},
        rotation={name: found.others for name, found in signers.items()},
        retired={name: found.retired for name, found in signers.items()},
        checks=check or (),
        signing_profile=signing_profile,
        headers=[read_header(text) for text in header or ()],
        tokens=dict(_token(text) for text in token or ()),
        nodes=node or (),
        admin=(admin, admin_token) if admin is not None else None,
        audit=(audit_key, audit_within) if audit_key else None,
        vrf=(vrf, load_signers(key, vrf).newest, load_drawing_key(key, vrf)) if vrf else None,
        restart=restart,
        overload=overload,
        unavailable=unavailable,
        recover=recover,
        thorough=thorough,
        seed=seed,
        deadline=deadline,
    )
    if traced is not None:
        report = traced.added_to(report)
    if known_failures is not None:
        report = read(known_failures).applied(report, [*(one.name for one in server_checks()), NAME])
    with streaming(ndjson) as file:
        if file is not None:
            write(report, file)
    _publish(report, Files(junit, html), badge, json=json)


def _token(text: str) -> tuple[str, str]:
    """A tenant and its token. Raises UnusableInput."""
    tenant, equals, token = text.partition("=")
    if not equals or not tenant or not token:
        raise UnusableInput("--token: write TENANT=TOKEN; `flk token new` makes one")
    return tenant, token


@conform.command()
def subject() -> None:
    """Answer the kit as the model does, on stdin and stdout: `flk conform sdk -- flk conform subject`."""
    from flk.conformance.sdk.subject import main

    main()


def _scenarios(incomplete: str) -> list[str]:
    from flk.conformance.delivery.scenarios import SCENARIOS

    return [one.name for one in SCENARIOS if one.name.startswith(incomplete)]


@conform.command()
def delivery(
    command: Annotated[
        list[str] | None,
        typer.Argument(
            help="The command that starts the subject, after --. Without one: the senders of the subject file.",
            show_default=False,
        ),
    ] = None,
    *,
    file: Annotated[Path, typer.Option(help="The subject file, where no command is given.", dir_okay=False)] = Path(
        "flk-subject.toml"
    ),
    subject: Annotated[list[str] | None, typer.Option(help="Only these subjects of the subject file.")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="Only these scenarios.", autocompletion=_scenarios)] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Wait for long, too, if the sender waits on a real clock.")
    ] = False,
    known_failures: Known = None,
    deadline: Annotated[float, typer.Option(min=1, help="Seconds that a round of COMMAND may take.")] = 60.0,
    json: Json = False,
    junit: Junit = None,
    ndjson: Ndjson = None,
    html: Html = None,
    badge: Badge = None,
) -> None:
    """Play a server to an SDK's sender: overload, silence, cut replies, a portal, kills; does it deliver as it must (OUT-*)?

    The command is a subject that offers the operation `deliver` (conformance/PROTOCOL.md). Example, the project's own agent:
    flk conform delivery -- flk conform sender. Without a command every subject of the subject file is asked that has a table
    [subject.delivery].

    Exit code 0: it does, but for known failures if there are any; 1: it does not, or the list of known failures is not true; 2: it
    cannot be talked to.
    """
    from flk.conformance import check_delivery

    if not command:
        _senders(file, subject or [], scenario or [], ndjson, Files(junit, html), badge, thorough=thorough, json=json)
        return
    report = streamed(
        ndjson,
        shlex.join(command),
        lambda each: check_delivery(
            command,
            scenario or (),
            thorough=thorough,
            known_failures=known_failures,
            deadline=deadline,
            each=each,
        ),
    )
    _publish(report, Files(junit, html), badge, json=json)


def _senders(
    file: Path,
    names: list[str],
    scenarios: list[str],
    ndjson: Path | None,
    files: Files,
    badge: Path | None,
    *,
    thorough: bool,
    json: bool,
) -> None:
    """Play to all senders of a subject file."""
    from flk.conformance.delivery.subjects import check_deliveries
    from flk.conformance.reports.stream import Stream

    if badge is not None:
        raise UnusableInput(
            "--badge: a badge is of one sender; fix: give its command, or its report to `flk conform compare`"
        )
    with streaming(ndjson) as stream:
        heard = None if stream is None else (lambda entry: Stream(stream, entry.name))
        reports = check_deliveries(file, names, scenarios=scenarios, thorough=thorough, heard=heard)
    publish(reports, files)
    if json:
        typer.echo(msgspec.json.encode([as_json(report) for report in reports]))
    else:
        for report in reports:
            show(report, json=False)
    raise exit_of(reports)


@conform.command()
def sender(
    form: Annotated[
        str, typer.Argument(help="Which: client, async-client, or async-client-alone, without batches.")
    ] = "client",
) -> None:
    """Deliver as the project's client does, and so its agent, on stdin and stdout: `flk conform delivery -- flk conform sender`."""
    from flk.impl.command.conformance.sender import FORMS, main

    if form not in FORMS:
        raise UnusableInput(f"no sender is called {form}; {nearest(form, list(FORMS))}")
    main(form)


@conform.command()
def vectors(
    *,
    operation: Operations = None,
    write: Annotated[
        bool, typer.Option("--write", help="Compute vectors and protocol schema anew, and write them.")
    ] = False,
    json: Json = False,
) -> None:
    """List the vectors, or compute them anew from the model. Golden vectors are never computed."""
    from rich.console import Console
    from rich.table import Table

    from flk.conformance import vectors as load_vectors

    if write:
        _write()
    chosen = load_vectors(*(operation or ()))
    if json:
        typer.echo(msgspec.json.encode(chosen))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("vectors", "cases", "from"):
        table.add_column(name, no_wrap=True)
    table.add_column("requirements")
    table.add_column("what is asked")
    for group in chosen:
        table.add_row(group.name, str(len(group.cases)), group.origin, " ".join(group.requirements), group.comment)
    Console().print(table)
    typer.echo(f"{sum(len(group.cases) for group in chosen)} cases")


def _write() -> None:
    from importlib.resources import files

    from flk.conformance.drafts.generate import write
    from flk.conformance.sdk import schema
    from flk.spec.vectors import load

    changed = write(Path(str(files("flk.spec").joinpath("vectors"))))
    schema.PATH.write_text(schema.text(), "utf-8")
    typer.echo(f"changed: {', '.join(changed)}" if changed else "no vector changed")
    load.cache_clear()


def _publish(report: "Report", files: Files, badge: Path | None, *, json: bool) -> None:
    publish([report], files)
    if badge is not None:
        write_badge(report, badge)
    show(report, json=json)
    raise exit_of([report])
