"""`flk agent`: from data to delivered records."""

import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from flk.impl.agent import WORKERS
from flk.impl.command.app import app
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput, needs
from flk.spec.verdict import Verdict

if TYPE_CHECKING:
    from flk.model.personal.records import Screening
    from flk.model.record.drawing import VrfPrivateKey
    from flk.model.record.record import Pcs
    from flk.model.samples.windows import Window

agent = typer.Typer(
    name="agent", no_args_is_help=True, help="Compute records from data, and deliver them through an outbox."
)
app.add_typer(agent)

DATASET = "dataset:"


def _sources(incomplete: str) -> list[str]:
    from flk.model.samples.datasets import DATASETS

    return [f"{DATASET}{name}" for name in DATASETS if f"{DATASET}{name}".startswith(incomplete)]


Source = Annotated[
    str,
    typer.Argument(
        help="A .csv, .npy, .npz or .parquet file, or dataset:jacksboro-fault or dataset:goog-prices.",
        autocompletion=_sources,
    ),
]
Columns = Annotated[str, typer.Option(help="The columns that are coordinates: x,y,z. Default: all that hold numbers.")]
Array = Annotated[str, typer.Option(help="Which array of an .npz file.")]
Shard = Annotated[str, typer.Option(help="The records' shard_id. Default: the file's name.")]
Size = Annotated[int, typer.Option("--window", min=0, help="Rows to a record. Default: all of them.")]
Stride = Annotated[int, typer.Option(min=0, help="Rows from the start of one window to the next. Default: a window.")]
Seed = Annotated[
    int | None, typer.Option(min=0, max=2**32 - 1, help="Seed of the random directions of coh_star. Default: 42.")
]
VrfKey = Annotated[
    Path | None,
    typer.Option(
        help="Draw each record's seed with the tenant's VRF key in this key file, and prove it. See `flk keys new --vrf`.",
        dir_okay=False,
    ),
]
SentAt = Annotated[str, typer.Option(help="The records' sent_at, in RFC 3339. Default: now.")]
Keys = Annotated[Path, typer.Option(help="The key file; see `flk keys`.", dir_okay=False)]
OptionalKeys = Annotated[Path | None, typer.Option(help="Sign with this key file.", dir_okay=False)]
Tenant = Annotated[str, typer.Option(help="The tenant whose records they are.")]
To = Annotated[str, typer.Option(help="The service: http://127.0.0.1:8080, or https://…")]
Directory = Annotated[
    Path, typer.Option("--outbox", help="The outbox's directory; made if it is missing.", file_okay=False)
]
Existing = Annotated[Path, typer.Option("--outbox", help="The outbox's directory.", file_okay=False)]
Workers = Annotated[int, typer.Option(min=1, max=64, help="Requests in flight at once; what waits for one shares it.")]
TlsCa = Annotated[
    Path | None,
    typer.Option(help="Who signed the service's certificate (PEM). Default: whom this machine trusts.", dir_okay=False),
]
TlsCertificate = Annotated[
    Path | None, typer.Option(help="The agent's own certificate (PEM), if the service asks for one.", dir_okay=False)
]
TlsKey = Annotated[Path | None, typer.Option(help="The key of --tls-certificate (PEM).", dir_okay=False)]
Pii = Annotated[
    Literal["detect", "block", "redact"] | None,
    typer.Option(
        help="Look for personal data before signing: tell it, refuse to sign, or redact. Needs the extra pii."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

SEND_EXAMPLES = """\
Examples: flk agent send dataset:jacksboro-fault --to http://127.0.0.1:8080 --keys keys.toml --outbox out/box

flk agent send track.csv --columns x,y,z --window 256 --stride 128 --to http://127.0.0.1:8080 --keys keys.toml --outbox out/box
"""

_TENANT = CONSTANTS.node.default_tenant


@agent.command(epilog=SEND_EXAMPLES)
def send(
    source: Source,
    *,
    to: To,
    keys: Keys,
    outbox: Directory,
    tenant: Tenant = _TENANT,
    shard: Shard = "",
    columns: Columns = "",
    array: Array = "",
    window: Size = 0,
    stride: Stride = 0,
    seed: Seed = None,
    vrf_key: VrfKey = None,
    workers: Workers = WORKERS,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    pii: Pii = None,
    json: Json = False,
) -> None:
    """Compute a source's records, queue each durably, and deliver them with what the outbox still holds.

    Exit code 0: all acknowledged; 1: some refused for good, or lost by a damaged outbox; 2: some still pending or never queued, or
    unusable input.
    """
    from flk.impl.command.impl.delivering import Service, deliver
    from flk.impl.http.trust import Trust

    service = Service(to, Trust(tls_ca, tls_certificate, tls_key), workers)
    client, drawn_by = service.client(outbox, tenant, keys), _seed(seed, vrf_key, tenant)
    cut = _cut(source, columns=columns, array=array, shard=shard, window=window, stride=stride)
    from flk.model.samples.windows import SEED, records  # needs what the source needs

    computed = _screened(records(cut, seed=SEED if drawn_by is None else drawn_by, sent_at=_now()), pii)
    about = {"columns": columns, "array": array, "shard": shard, "window": window, "stride": stride, "tenant": tenant}
    options = [part for name, value in about.items() if value for part in (f"--{name}", str(value))]
    deliver(client, outbox, computed, shlex.join([source, *options]), json=json)


@agent.command(epilog="Example: flk agent resume --outbox out/box --to http://127.0.0.1:8080")
def resume(
    *,
    to: To,
    outbox: Existing,
    workers: Workers = WORKERS,
    tls_ca: TlsCa = None,
    tls_certificate: TlsCertificate = None,
    tls_key: TlsKey = None,
    json: Json = False,
) -> None:
    """Deliver what an outbox still holds, after a crash or while the service was out of reach. Exit codes as of `send`."""
    from flk.impl.command.impl.delivering import Service, deliver
    from flk.impl.http.trust import Trust

    _must_exist(outbox)
    client = Service(to, Trust(tls_ca, tls_certificate, tls_key), workers).client(outbox)
    deliver(client, outbox, json=json)


@agent.command(
    "records",
    epilog="Example: flk agent records prices.parquet --columns open,close --window 63 --stride 5 > records.jsonl",
)
def write_records(
    source: Source,
    *,
    keys: OptionalKeys = None,
    tenant: Tenant = _TENANT,
    shard: Shard = "",
    columns: Columns = "",
    array: Array = "",
    window: Size = 0,
    stride: Stride = 0,
    seed: Seed = None,
    vrf_key: VrfKey = None,
    sent_at: SentAt = "",
    pii: Pii = None,
) -> None:
    """Write a source's records to standard output, one JSON object to a line; unsigned unless --keys is given."""
    from flk.impl.keys import load_signer
    from flk.model.record.record import encode
    from flk.model.record.summary import signed

    signer = load_signer(keys, tenant) if keys else None
    drawn_by = _seed(seed, vrf_key, tenant)
    cut = _cut(source, columns=columns, array=array, shard=shard, window=window, stride=stride)
    from flk.model.samples.windows import SEED, records  # needs what the source needs

    for record in _screened(records(cut, seed=SEED if drawn_by is None else drawn_by, sent_at=sent_at or _now()), pii):
        typer.echo(encode(signed(record, signer) if signer else record))


@agent.command(epilog="Example: flk agent dead --outbox out/box")
def dead(*, outbox: Existing, json: Json = False) -> None:
    """List the submissions that the service refused for good, and why. Exit code 1 if there are any."""
    from flk.impl.agent.outbox import Outbox
    from flk.model.log.hlc import text

    _must_exist(outbox)
    with Outbox(outbox) as opened:
        letters, damage = opened.dead, opened.damage()
    for sentence in damage:
        typer.echo(sentence, err=True)
    for letter in letters:
        body, answer = letter.submission.body.decode(errors="replace"), letter.response.body.decode(errors="replace")
        if json:
            row = {"id": text(letter.id), "tenant": letter.submission.tenant, "status": letter.response.status}
            typer.echo(msgspec.json.encode({**row, "answer": answer, "body": body}))
        else:
            typer.echo(f"{text(letter.id)}  {letter.submission.tenant}  {letter.response.status}  {answer}\n    {body}")
    if not (letters or json):
        typer.echo(f"{outbox}: no dead letters")
    raise typer.Exit((Verdict.VIOLATED if letters or damage else Verdict.HOLDS).exit_code)


def _seed(seed: int | None, vrf_key: Path | None, tenant: str) -> "int | VrfPrivateKey | None":
    """What the user wants the directions of `coh_star` drawn by: a number, or the key that draws one for each record (VRF-4)."""
    from flk.impl.keys import load_drawing_key

    if vrf_key is None:
        return seed
    if seed is not None:
        raise UnusableInput("--seed --vrf-key: a key draws the seed, so that nobody chooses it; leave out one of them")
    return load_drawing_key(vrf_key, tenant)


def _cut(source: str, *, columns: str, array: str, shard: str, window: int, stride: int) -> Iterator["Window"]:
    """The windows of a file or of a data set."""
    if not source.startswith(DATASET):
        from flk.impl.agent.sources import open_source
        from flk.model.samples.windows import windows

        path = Path(source)
        opened = open_source(path, [name for name in columns.split(",") if name], array)
        return windows(opened.blocks, shard or path.stem, window, stride)
    if columns or array or shard or window or stride:
        raise UnusableInput(
            f"{source}: a data set has its own columns and windows; leave those options out, or name its file"
        )
    with needs("sim", "a data set that comes with matplotlib"):
        from flk.model.samples.datasets import cut
    return cut(source.removeprefix(DATASET))


def _screened(records: Iterable["Pcs"], pii: str | None) -> Iterable["Pcs"]:
    """The records as they may be signed. What is found is told once, without its words (PII-5, PII-6)."""
    if pii is None:
        return records
    from flk.model.personal.records import Mode, Screening

    return _telling(records, Screening(Mode(pii)))


def _telling(records: Iterable["Pcs"], screening: "Screening") -> Iterator["Pcs"]:
    told: set[str] = set()
    for record in records:
        screened = screening.screened(record)
        for found in {str(each) for each in screened.found} - told:
            typer.echo(f"{found} ({screening.mode.value})", err=True)
            told.add(found)
        yield screened.record


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _must_exist(outbox: Path) -> None:
    if not (outbox / "identity").is_file():
        raise UnusableInput(f"{outbox}: is no outbox; `flk agent send` makes one")
