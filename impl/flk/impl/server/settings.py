"""The options of `flk serve`, and what is wrong with them, as far as can be told before anything starts."""

import re
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path

import msgspec

from flk.impl.access import read_access
from flk.impl.http.origins import fields_for
from flk.impl.keys import load_keys
from flk.impl.server.auditing import Auditing, auditing_of
from flk.impl.server.comparing import require_comparable
from flk.impl.server.feeding import Peer, check_feeds
from flk.impl.server.retaining import require_removable
from flk.impl.server.securing import certificates
from flk.impl.server.tiering import Tiering, check_tiers
from flk.impl.server.tls_files import TlsFiles, tls_files
from flk.impl.storage.address import address
from flk.impl.storage.locked import Lock, LockedObjects, objects_at
from flk.impl.storage.objects import Objects, open_objects
from flk.impl.storage.ring_file import is_ring, load, path_of
from flk.impl.telemetry.telling import Telemetry
from flk.impl.tenants import read_tenants
from flk.model.entries.proposals import Mode
from flk.model.record.canonical import ACCEPTED, Profile
from flk.spec.constants import CONSTANTS, Breaker, Garbage, Http, Pressure
from flk.spec.errors import UnusableInput

REGION = "[A-Za-z0-9][A-Za-z0-9_-]*"  # a log is named region.number, and objects by their log


class Fsync(StrEnum):
    """Where the log is synchronised. `off` loses acknowledged records in a power failure: for measurements only."""

    THREAD = "thread"
    LOOP = "loop"
    OFF = "off"


class Settings(msgspec.Struct, frozen=True):
    """The options of `flk serve`. Port 0 is any free port; `incarnation` numbers the disks of a region that lost one.

    With `objects`, the URL of an object store, the node ships its log there and replays the logs of its peers, all other
    regions; every so many seconds. Every `check_every` seconds it looks for what it shipped, and reads a part of its log. Every
    `snapshot_every` seconds it writes a snapshot there, and begins with one if its store is new.
    With `pressure` the limit of submissions in flight adapts to the queue before the store; with `breaker` an object store that
    fails too often is left alone for a while.
    With `store`, the URL of a store, it shares that with the region's other nodes. What snapshots cover, and is older than `retain`
    in seconds, is removed. With `tiering` it moves entries to a cold tier. It writes `feeds` of tenants, and `follows` those of
    regions that are no `peers`. Every `compare_every` seconds it compares its store with those of its peers, and mends what it
    lost, in the mode `reconcile`. It answers pages of the origin `allow_origin`. The file `access` says who may ask for what is
    stored; with `admin_port` operators ask there, and nowhere else. `tenants` is the file that says how much each tenant may send.
    With the key in `audit` it writes an audit log of the region, every `audit_every` seconds, and publishes what all
    `audit_witnesses` have cosigned; what it creates of it is locked for as long as `audit_lock` says. With `tls_certificate` and
    `tls_key` its connections are within TLS; with `tls_client_ca` those of its clients alone. `otlp` is the collector that is
    told of its work.
    """

    data: Path
    keys: Path
    host: str = "127.0.0.1"
    port: int = 8080
    region: str = "eu"
    incarnation: int = 1
    fsync: Fsync = Fsync.THREAD
    accept_shortest: bool = False
    require_judged: bool = False
    trace: Path | None = None
    objects: str | None = None
    peers: tuple[str, ...] = ()
    ship_every: float = CONSTANTS.replication.ship_interval_seconds
    replay_every: float = CONSTANTS.replication.replay_interval_seconds
    trust_wall_time: bool = False
    check_every: float = CONSTANTS.replication.check_interval_seconds
    http: Http = CONSTANTS.http
    garbage: Garbage = CONSTANTS.garbage
    accept_loss: tuple[str, ...] = ()
    pressure: Pressure | None = None
    breaker: Breaker | None = None
    store: str | None = None
    accept_weaker_store: bool = False
    snapshot_every: float = CONSTANTS.snapshot.every_seconds
    retain: float | None = None
    tiering: Tiering | None = None
    feeds: tuple[str, ...] = ()
    follows: tuple[Peer, ...] = ()
    compare_every: float | None = None
    reconcile: Mode = Mode.MANUAL
    allow_origin: str | None = None
    access: Path | None = None
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    tenants: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    audit: Path | None = None
    audit_witnesses: tuple[str, ...] = ()
    audit_every: float = CONSTANTS.transparency.every_seconds
    audit_lock: Lock | None = None
    otlp: Telemetry | None = None

    @property
    def auditing(self) -> Auditing | None:
        """With what the node writes an audit log; None if it writes none. Raises UnusableInput."""
        return auditing_of(self.audit, self.audit_witnesses, self.objects, cold=self.tiering is not None)

    @property
    def opened(self) -> Objects | None:
        """The object store, if the node has one. Raises UnusableInput."""
        return None if self.objects is None else objects_at(self.objects, self.region, self.audit_lock)

    @property
    def tls(self) -> TlsFiles | None:
        """The files by which connections are within TLS; None if they are not. Raises UnusableInput where some are missing."""
        return tls_files(self.tls_certificate, self.tls_key, self.tls_client_ca)

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The profiles whose signatures count (C14N-6, C14N-9)."""
        if self.require_judged:
            return (Profile.JUDGED,)
        return (*ACCEPTED, Profile.SHORTEST) if self.accept_shortest else ACCEPTED


class Mistaken(UnusableInput):
    """Options that do not do: all that is wrong with them."""

    def __init__(self, mistakes: Sequence[UnusableInput]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


def require_usable(settings: Settings) -> None:
    """Return if nothing is wrong with the options. Raises Mistaken."""
    if found := tuple(mistakes(settings)):
        raise Mistaken(found)


def mistakes(settings: Settings) -> Iterator[UnusableInput]:
    """What is wrong with the options, in the order in which it is best mended. Nothing is opened but the key file."""
    checks: tuple[Callable[[], object], ...] = (
        partial(load_keys, settings.keys),
        partial(_check_profiles, settings),
        partial(_check_tenants, settings),
        partial(_check_regions, settings),
        partial(_check_urls, settings),
        partial(require_removable, settings.retain, settings.objects, accept_weaker=settings.accept_weaker_store),
        partial(check_feeds, settings.feeds, settings.objects, settings.retain),
        partial(_check_followed, settings),
        partial(check_tiers, settings.tiering, settings.store, settings.retain),
        partial(
            require_comparable,
            settings.compare_every,
            settings.reconcile,
            settings.objects,
            settings.peers,
            cold=bool(settings.tiering),
            follows=bool(settings.follows),
        ),
        partial(fields_for, settings.allow_origin or "*"),
        partial(_check_tls, settings),
        partial(_check_access, settings),
        lambda: settings.auditing,
        partial(_check_lock, settings),
        partial(_check_collector, settings),
    )
    for check in checks:
        try:
            check()
        except UnusableInput as mistake:
            yield mistake


def _check_tls(settings: Settings) -> None:
    if (files := settings.tls) is not None:
        certificates(files)


def _check_lock(settings: Settings) -> None:
    if settings.audit_lock is not None:
        if settings.audit is None:
            raise UnusableInput("--audit-lock: there is no audit log; name the key that signs it with --audit")
        _ = settings.opened


def require_locked(settings: Settings) -> None:
    """Return if the store locks what is to be locked. Raises UnusableInput if it does not; Unavailable if it does not answer."""
    if isinstance(objects := settings.opened, LockedObjects):
        objects.require_lock()


def _check_collector(settings: Settings) -> None:
    if settings.otlp is not None:
        _ = settings.otlp.base


def _check_access(settings: Settings) -> None:
    if settings.access is not None:
        read_access(settings.access)
    elif settings.admin_port is not None:
        raise UnusableInput("--admin-port: nobody would be let in; name who may ask with --access (`flk token new`)")
    if settings.admin_port and (settings.admin_host, settings.admin_port) == (settings.host, settings.port):
        raise UnusableInput(f"--admin-port {settings.port}: everybody is answered there; give operators another")


def _check_profiles(settings: Settings) -> None:
    if settings.require_judged and settings.accept_shortest:
        raise UnusableInput("--require-judged and --accept-shortest exclude one another; give one of them")


def _check_tenants(settings: Settings) -> None:
    if settings.tenants is not None:
        read_tenants(settings.tenants)


def _check_urls(settings: Settings) -> None:
    for url in (settings.objects, settings.tiering.cold if settings.tiering else None):
        if url is not None:
            open_objects(url)
    if settings.store is None:
        return
    if is_ring(settings.store):
        load(path_of(settings.store))
    else:
        address(settings.store)


def _check_followed(settings: Settings) -> None:
    if settings.follows and settings.tiering:
        raise UnusableInput(
            f"--peer {settings.follows[0].region}: what is damaged in a cold tier is put together again from whole logs, and"
            " feeds are none; leave --cold out, or name the peer without tenants"
        )


def _check_regions(settings: Settings) -> None:
    """Return if the regions' names make sense together. Raises UnusableInput."""
    peers = (*settings.peers, *(peer.region for peer in settings.follows))
    if settings.objects is None:
        if peers:
            raise UnusableInput(f"--peer {peers[0]}: its log comes from an object store; name it with --objects")
        return
    for region in (settings.region, *peers):
        if not re.fullmatch(REGION, region):
            raise UnusableInput(
                f"{region!r}: a region that ships has a name of letters, digits, - and _, as in eu-west-1"
            )
    for peer in peers:
        if peer == settings.region or peers.count(peer) > 1:
            raise UnusableInput(
                f"--peer {peer}: name each other region once, and not the node's own ({settings.region})"
            )
