"""`flk serve`: run a node."""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flk.impl.command.app import app
from flk.impl.command.configuration.environment import notes
from flk.impl.command.impl.configured import configure, tell, with_places
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.impl.server.settings import Settings

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@app.command()
def serve(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Read settings from this file (TOML); options and the environment prevail over it. `flk config` prints one.",
            dir_okay=False,
            callback=configure,
            is_eager=True,
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Check the configuration and the files that it names, tell what is set where, and exit."
        ),
    ] = False,
    data: Annotated[
        Path,
        typer.Option(
            help="Directory of log and store; made if it is missing.",
            file_okay=False,
        ),
    ],
    keys: Annotated[Path, typer.Option(help="The key file; see `flk keys`.", dir_okay=False)],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="Port to listen on; 0 takes any free one.",
        ),
    ] = 8080,
    region: Annotated[str, typer.Option(help="The region this node belongs to.")] = "eu",
    incarnation: Annotated[
        int,
        typer.Option(
            min=1,
            help="Number of the region's disk: one more after a disk was lost. With --objects the node finds it by itself.",
        ),
    ] = 1,
    fsync: Annotated[
        Literal["thread", "loop", "off"],
        typer.Option(help="Synchronise the log in a thread or in the event loop; off is for measurements only."),
    ] = "thread",
    accept_shortest: Annotated[
        bool, typer.Option("--accept-shortest", help="Also accept signatures over the older canonical form (C14N-6).")
    ] = False,
    require_judged: Annotated[
        bool,
        typer.Option(
            "--require-judged",
            help="Refuse signatures that leave counts, regime and scales to whoever sees a record (C14N-9).",
        ),
    ] = False,
    trace: Annotated[
        Path | None, typer.Option(help="Append every effect to this file, as JSON lines.", dir_okay=False)
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(
            help="Ship the log to this object store: s3://bucket/prefix, gs://…, az://… or file:///directory.",
            metavar="URL",
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="Another region, whose log is replayed from there; with tenants behind it, as in us:a,b, only what it feeds of"
            " those. Once for each.",
            metavar="REGION[:TENANTS]",
        ),
    ] = None,
    feed: Annotated[
        list[str] | None,
        typer.Option(
            help="Write what this tenant sent to a feed of its own, for regions that follow it. Once for each.",
            metavar="TENANT",
        ),
    ] = None,
    ship_every: Annotated[
        float, typer.Option(min=0.01, help="Seconds from one shipping to the next.")
    ] = CONSTANTS.replication.ship_interval_seconds,
    replay_every: Annotated[
        float, typer.Option(min=0.01, help="Seconds from one replay of a peer to the next.")
    ] = CONSTANTS.replication.replay_interval_seconds,
    trust_wall_time: Annotated[
        bool,
        typer.Option(
            "--trust-wall-time",
            help="Wall time is right, whatever the node knew: the way back for one that doubts it (HLC-6). For one start.",
        ),
    ] = False,
    check_every: Annotated[
        float, typer.Option(min=0.01, help="Seconds from one look for what was shipped, and is put back, to the next.")
    ] = CONSTANTS.replication.check_interval_seconds,
    back_pressure: Annotated[
        bool,
        typer.Option(
            "--back-pressure",
            help="Let in fewer submissions at a time while too many wait for the store (ORD-6); `flk limits` lists its numbers.",
        ),
    ] = False,
    breaker: Annotated[
        bool,
        typer.Option(
            "--breaker",
            help="Leave an object store that fails too often alone for a while (CRR-12); `flk limits` lists its numbers.",
        ),
    ] = False,
    snapshot_every: Annotated[
        float,
        typer.Option(min=0.01, help="Seconds from the start, and from one snapshot, to the next, in the object store."),
    ] = CONSTANTS.snapshot.every_seconds,
    retain: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Remove segments and objects older than so many seconds once two whole snapshots cover them (RET-1), and the"
            " snapshots before those. Without it, nothing is removed.",
            metavar="SECONDS",
        ),
    ] = None,
    compare_every: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Compare the store with those of the peers, up to moments so many seconds apart (DIV-1): the same in all regions."
            " Without it, they are not compared.",
            metavar="SECONDS",
        ),
    ] = None,
    reconcile: Annotated[
        Literal["manual", "auto-safe", "auto-aggressive"],
        typer.Option(
            help="What is mended without being approved, with --compare-every: nothing, missing entries, or also those that should"
            " give way (DIV-6); see `flk divergence`."
        ),
    ] = "manual",
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="A bound of your own, as in max_connections=1000; `flk limits` lists them.", metavar="NAME=VALUE"
        ),
    ] = None,
    accept_loss: Annotated[
        list[str] | None,
        typer.Option(
            help="Go on without what this segment of the log held, which is gone (WAL-9); or without the log of another node of"
            " the region, which is lost (ORD-10). Once for each.",
            metavar="SEGMENT",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            help="Share this store with the region's other nodes: postgresql://…, redis://…, redis+cluster://…, or"
            " ring+file:///r.toml for a ring of several.",
            metavar="URL",
        ),
    ] = None,
    accept_weaker_store: Annotated[
        bool,
        typer.Option(
            "--accept-weaker-store",
            help="Use a Redis that may lose what it acknowledged, by its settings or a failover: then all nodes of the region put"
            " back what is in their logs before any answers.",
        ),
    ] = False,
    cold: Annotated[
        str | None,
        typer.Option(
            help="Move old entries to a cold tier in this object store: s3://bucket/prefix, gs://…, az://… or file:///directory.",
            metavar="URL",
        ),
    ] = None,
    hot_seconds: Annotated[
        float, typer.Option(min=0, help="How long an entry stays in memory, with --cold.")
    ] = CONSTANTS.tiers.hot_seconds,
    warm_seconds: Annotated[
        float, typer.Option(min=0, help="The age at which an entry goes to the cold tier.")
    ] = CONSTANTS.tiers.warm_seconds,
    move_every: Annotated[
        float, typer.Option(min=0.01, help="Seconds from one pass of the mover to the next.")
    ] = CONSTANTS.tiers.move_interval_seconds,
    allow_origin: Annotated[
        str | None,
        typer.Option(
            help="Answer pages of this origin, as in https://lab.example, or of any: * (HTTP-11). Without it, browsers keep the"
            " answers from pages of other origins.",
            metavar="ORIGIN",
        ),
    ] = None,
    tls_certificate: Annotated[
        Path | None,
        typer.Option(
            help="Take connections within TLS only, and show this certificate: a PEM file, with those that signed it behind it"
            " (TLS-1).",
            dir_okay=False,
        ),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="The certificate's key, in PEM, without a passphrase.", dir_okay=False)
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            help="Take only clients with a certificate that these authorities signed: a PEM file (TLS-2).",
            dir_okay=False,
        ),
    ] = None,
    access: Annotated[
        Path | None,
        typer.Option(
            help="The access file: who may ask for outcomes, and operate; see `flk token`. Without it nobody may.",
            dir_okay=False,
        ),
    ] = None,
    admin_host: Annotated[str, typer.Option(help="Address to listen on for operators.")] = "127.0.0.1",
    admin_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port to listen on for operators, with --access: metrics, status, queries, reload. Then the metrics are there"
            " alone.",
        ),
    ] = None,
    tenants: Annotated[
        Path | None,
        typer.Option(
            help="The tenants file: which tenants are active, and how much each may send; see `flk tenants`.",
            dir_okay=False,
        ),
    ] = None,
    audit: Annotated[
        Path | None,
        typer.Option(
            help="Write an audit log of the region to the object store, signed with the key in this file (TLOG-6); see `flk audit"
            " key`.",
            dir_okay=False,
        ),
    ] = None,
    audit_witness: Annotated[
        list[str] | None,
        typer.Option(
            help="Publish checkpoints of the audit log once this witness has cosigned them (TLOG-9). Once for each.",
            metavar="KEY",
        ),
    ] = None,
    audit_every: Annotated[
        float, typer.Option(min=0.01, help="Seconds from one step of the audit log, and checkpoint, to the next.")
    ] = CONSTANTS.transparency.every_seconds,
    audit_lock: Annotated[
        Literal["compliance", "governance"] | None,
        typer.Option(
            help="Lock what the node creates of the audit log, in a bucket of S3 with Object Lock (TLOG-15): `compliance` nobody"
            " lifts, `governance` who has the permission.",
        ),
    ] = None,
    audit_lock_days: Annotated[int, typer.Option(min=1, help="With --audit-lock: for how many days.")] = (
        CONSTANTS.transparency.lock_days
    ),
    otlp: Annotated[
        str | None,
        typer.Option(
            help="Export spans of submissions and passes, and the log lines, to this OpenTelemetry collector: OTLP over HTTP, as in"
            " http://127.0.0.1:4318 (OBS-9). Its headers and certificates are named by OTEL_EXPORTER_OTLP_….",
            metavar="URL",
        ),
    ] = None,
    otlp_sample: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="The share of submissions with spans, with --otlp, of those whose caller does not say by a traceparent.",
        ),
    ] = CONSTANTS.otlp.share,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="What to log; JSON lines on stderr.")
    ] = "info",
) -> None:
    """Serve `POST /v1/pcs/submit`, `/health`, `/ready` and `/metrics` until SIGTERM or SIGINT. SIGHUP reads the files of
    keys, tenants, tokens and certificates again.

    Each option is also a setting of the file --config, by its name with underscores, and of the environment, as FLK_SHIP_EVERY.
    """
    import structlog

    from flk.impl.command.impl.limits import with_limits
    from flk.impl.server.feeding import peer as as_peer
    from flk.impl.server.lifecycle import serve as run
    from flk.impl.server.settings import Fsync, Mistaken, Settings, require_usable
    from flk.impl.server.tiering import Tiering
    from flk.impl.storage.locked import Lock, Mode
    from flk.impl.storage.segment_file import LogFailed, LogGone
    from flk.impl.telemetry.telling import Telemetry
    from flk.model.entries.proposals import Mode as Reconcile

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[log_level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    del config  # read by its callback
    try:
        limits = with_limits(limit or ())
        peers = [as_peer(text) for text in peer or ()]
    except UnusableInput as mistake:
        raise with_places(context, [mistake]) from None
    settings = Settings(
        data=data,
        keys=keys,
        host=host,
        port=port,
        region=region,
        incarnation=incarnation,
        fsync=Fsync(fsync),
        accept_shortest=accept_shortest,
        require_judged=require_judged,
        trace=trace,
        objects=objects,
        peers=tuple(one.region for one in peers if not one.tenants),
        ship_every=ship_every,
        replay_every=replay_every,
        trust_wall_time=trust_wall_time,
        check_every=check_every,
        http=limits.http,
        garbage=limits.garbage,
        accept_loss=tuple(accept_loss or ()),
        pressure=limits.pressure if back_pressure else None,
        breaker=limits.breaker if breaker else None,
        store=store,
        accept_weaker_store=accept_weaker_store,
        snapshot_every=snapshot_every,
        retain=retain,
        compare_every=compare_every,
        reconcile=Reconcile(reconcile),
        tiering=Tiering(cold, hot_seconds, warm_seconds, move_every, limits.mover, expires=objects is None)
        if cold
        else None,
        feeds=tuple(feed or ()),
        follows=tuple(one for one in peers if one.tenants),
        allow_origin=allow_origin,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        access=access,
        admin_host=admin_host,
        admin_port=admin_port,
        tenants=tenants,
        audit=audit,
        audit_witnesses=tuple(audit_witness or ()),
        audit_every=audit_every,
        audit_lock=Lock(Mode(audit_lock), audit_lock_days) if audit_lock else None,
        otlp=Telemetry(otlp, otlp_sample, limits.otlp) if otlp is not None else None,
    )
    try:
        if check:
            require_usable(settings)
            _require_locked(settings)
            tell(context, typer.echo)
            return
        for note in notes(os.environ):
            typer.echo(note)
        run(settings, typer.echo)
    except Mistaken as mistaken:
        raise with_places(context, mistaken.mistakes) from None
    except LogFailed as failure:
        typer.echo(f"flk: {failure}; then start it again on {data} to recover what the log holds", err=True)
        gone = isinstance(failure, LogGone)
        raise typer.Exit((Verdict.UNDECIDED if gone else Verdict.VIOLATED).exit_code) from failure


def _require_locked(settings: "Settings") -> None:
    """Return if the store locks what is to be locked. Raises UnusableInput if it does not, or does not say."""
    from flk.impl.server.settings import require_locked
    from flk.model.refusal import Unavailable

    try:
        require_locked(settings)
    except Unavailable as refusal:
        raise UnusableInput(f"--audit-lock: whether the bucket locks anything is not known: {refusal.detail}") from None
