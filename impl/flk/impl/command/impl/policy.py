"""`flk policy`: write, check, sign and compare policies, see what one would change, and put it into force (POL-*)."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flk.impl.command.app import app
from flk.impl.command.plain import plain
from flk.spec.errors import UnusableInput, writing
from flk.spec.verdict import Verdict

if TYPE_CHECKING:  # imported when a subcommand runs
    from flk.impl.data.planning import Plan
    from flk.model.policies.document import Policy
    from flk.model.policies.ruling import Ruling

commands = typer.Typer(
    name="policy",
    no_args_is_help=True,
    help="Policies: by which rules records are judged. Write, check, sign, compare and plan them, and put them into force.",
)
app.add_typer(commands)

File = Annotated[Path, typer.Argument(help="A policy, as a JSON file.", dir_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Url = Annotated[
    str, typer.Option("--node", help="The admin listener of a node, as http://127.0.0.1:9443.", metavar="URL")
]
Token = Annotated[
    Path, typer.Option("--token-file", help="A file that holds an operator's token, and nothing else.", dir_okay=False)
]
Version = Annotated[str, typer.Argument(help="The version of a policy that the node knows.")]


@commands.command()
def new() -> None:
    """Print the default policy, to begin another with: `flk policy new > policy.json`."""
    from flk.model.policies.document import DEFAULT

    typer.echo(msgspec.json.format(msgspec.json.encode(DEFAULT)))


@commands.command()
def key(key_id: Annotated[str, typer.Option("--id", help="The key's name, such as ops-2026.")]) -> None:
    """Print a `[[policy_key]]` with new material. The nodes' key files get it without its private half."""
    from flk.impl.keys import new_policy_key

    typer.echo(new_policy_key(key_id), nl=False)


@commands.command()
def check(
    file: File,
    *,
    keys: Annotated[Path | None, typer.Option(help="A key file, to check the signature, too.", dir_okay=False)] = None,
    json: Json = False,
) -> None:
    """Tell every mistake in a policy, with its line and the fix; or its digest, also that of the earlier system.

    Exit code 0: it can be promoted; 1: it has mistakes, or no signature that counts; 2: it cannot be read.
    """
    from flk.impl.keys import policy_verifier, read_policy_keys
    from flk.model.policies.document import earlier_digest, policy_digest
    from flk.model.policies.reading import read
    from flk.model.policies.signing import Unsigned, require_signed

    found = read(_content(file))
    wrong = [f"{file}:{mistake}" for mistake in found.mistakes]
    if found.policy is not None and keys is not None:
        try:
            require_signed(found.policy, {each.id: policy_verifier(keys, each) for each in read_policy_keys(keys)})
        except Unsigned as refused:
            wrong.append(f"{file}: {refused.detail}")
    verdict = Verdict.VIOLATED if wrong else Verdict.HOLDS
    policy = found.policy
    if json:
        named = {} if policy is None else {"version": policy.version, "digest": policy_digest(policy)}
        typer.echo(msgspec.json.encode({"verdict": verdict, "mistakes": wrong, **named}))
    else:
        for line in wrong:
            typer.echo(plain(line))
        if policy is not None and not wrong:
            signer = f"signed by {policy.signed_by}" if policy.signature else "not signed yet"
            typer.echo(f"{verdict.sign} policy {policy.version}, {signer}, digest {policy_digest(policy)}")
            typer.echo(f"  digest of the earlier system {earlier_digest(policy)}")
    raise typer.Exit(verdict.exit_code)


@commands.command()
def sign(
    file: File,
    keys: Annotated[Path, typer.Option(help="The file with the private half of the key.", dir_okay=False)],
    key_id: Annotated[str, typer.Option("--key", help="The id of the key.")],
) -> None:
    """Sign a policy, and write it back."""
    from flk.impl.keys import policy_signer
    from flk.model.policies.signing import signed_policy

    signed = signed_policy(_policy(file), key_id, policy_signer(keys, key_id))
    with writing(file, "the policy"):
        file.write_bytes(msgspec.json.format(msgspec.json.encode(signed)) + b"\n")
    typer.echo(f"{file}: policy {signed.version} is signed by {key_id}")


@commands.command()
def diff(one: File, other: File, *, json: Json = False) -> None:
    """Tell in which fields two policies differ. Exit code 0: in none; 1: in some; 2: one cannot be used."""
    mine, theirs = _fields(_policy(one)), _fields(_policy(other))
    differing = {
        name: [mine.get(name), theirs.get(name)] for name in mine | theirs if mine.get(name) != theirs.get(name)
    }
    if json:
        typer.echo(msgspec.json.encode(differing))
    else:
        for name, (before, after) in differing.items():
            typer.echo(plain(f"{name}: {_told(before)} -> {_told(after)}"))
    raise typer.Exit(1 if differing else 0)


def _fields(policy: "Policy") -> dict[str, object]:
    """What is signed, by field; what is asked besides, by check."""
    from flk.model.policies.document import UNSIGNED

    fields = {name: value for name, value in msgspec.to_builtins(policy).items() if name not in UNSIGNED}
    fields["vrf_mode"] = policy.vrf.value
    return fields | {f"scrutiny.{name}": asked for name, asked in fields.pop("scrutiny", {}).items()}


def _told(value: object) -> object:
    return "off" if value is None else [*value] if isinstance(value, tuple) else value


@commands.command()
def plan(
    file: File,
    data: Annotated[Path, typer.Argument(help="The data directory of a node, or a copy of one.", file_okay=False)],
    *,
    keys: Annotated[Path, typer.Option(help="The node's key file.", dir_okay=False)],
    sample: Annotated[int | None, typer.Option(help="Judge no more than so many records.", min=1)] = None,
    json: Json = False,
) -> None:
    """Judge the records of a log under a policy, for all tenants, and tell which outcomes would be others.

    Exit code 0: none; 1: some; 2: it cannot be read. The log is only read; its node may work on.
    """
    from flk.impl.data.planning import plan as made
    from flk.impl.keys import load_keys
    from flk.model.log.frames import CorruptSegment

    try:
        found = made(data, load_keys(keys), _policy(file), sample)
    except CorruptSegment as unvouched:
        raise UnusableInput(f"{data}: {unvouched}") from None
    _tell_plan(found, json=json)
    raise typer.Exit(1 if found.changed else 0)


def _tell_plan(found: "Plan", *, json: bool) -> None:
    from flk.sim.statistics.intervals import proportion_interval

    interval = proportion_interval(len(found.changed), found.judged) if found.judged < found.records else None
    bounds = None if interval is None else [interval.low, interval.high]
    counts = {"by_reason": found.by_reason, "by_tenant": found.by_tenant, "by_regime": found.by_regime}
    if json:
        typer.echo(msgspec.json.encode(msgspec.structs.asdict(found) | counts | {"share_between": bounds}))
        return
    for each in found.changed:
        typer.echo(plain(f"{each.tenant} {each.pcs_id} {each.logged}: {each.transition}"))
    for name, several in counts.items():
        for what, number in sorted(several.items()):
            typer.echo(plain(f"{name.replace('_', ' ')}: {what}: {number}"))
    typer.echo(f"policy {found.version}: {len(found.changed)} of {found.judged} outcomes would be others")
    if bounds is not None:
        typer.echo(
            f"  a sample of {found.records} records; of all, between {bounds[0]:.2%} and {bounds[1]:.2%} (Clopper-Pearson, 95 %)"
        )


@commands.command()
def register(file: File, node: Url, token_file: Token, *, json: Json = False) -> None:
    """Make a signed policy known to a node. It judges nothing yet."""
    body = msgspec.json.encode({"kind": "registered", "policy": msgspec.Raw(msgspec.json.encode(_policy(file)))})
    _tell(_asked(node, token_file, body), json=json)


@commands.command()
def stage(
    version: Version,
    node: Url,
    token_file: Token,
    share: Annotated[float, typer.Option(help="Percent of the tenants that it judges.", min=0, max=100)],
    *,
    json: Json = False,
) -> None:
    """Let a policy judge a share of the tenants."""
    from flk.model.policies.ruling import ALL

    parts = round(share / 100 * ALL)
    body = msgspec.json.encode({"kind": "staged", "version": version, "share": parts})
    _tell(_asked(node, token_file, body), json=json)


@commands.command()
def promote(version: Version, node: Url, token_file: Token, *, json: Json = False) -> None:
    """Put a policy into force for all that the node logs from now on."""
    _tell(_asked(node, token_file, msgspec.json.encode({"kind": "promoted", "version": version})), json=json)


@commands.command()
def rollback(
    node: Url,
    token_file: Token,
    version: Annotated[str, typer.Option(help="Back to this one, which was in force before.")] = "",
    *,
    json: Json = False,
) -> None:
    """Take back what was done last: the staged policy, or else the last promotion."""
    _tell(_asked(node, token_file, msgspec.json.encode({"kind": "rolled_back", "version": version})), json=json)


@commands.command()
def history(node: Url, token_file: Token, *, json: Json = False) -> None:
    """Tell which policies a node knows, which is in force, and how that came about."""
    _tell(_asked(node, token_file, None), json=json)


def _asked(node: str, token_file: Path, body: bytes | None) -> "Ruling":
    """What a node answers. Raises UnusableInput with its reason if it refuses."""
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    from flk.model.flow.submission import Problem
    from flk.model.policies.ruling import Ruling

    if not node.startswith(("http://", "https://")):
        raise UnusableInput(f"--node {node}: name it as http://HOST:PORT or https://HOST:PORT")
    headers = {"Authorization": f"Bearer {_content(token_file).decode().strip()}"}
    asked = Request(f"{node.rstrip('/')}/admin/policies", body, headers)  # noqa: S310  (of a scheme that was looked at)
    try:
        with urlopen(asked, timeout=30) as answer:  # noqa: S310
            return msgspec.json.decode(answer.read(), type=Ruling)
    except HTTPError as refused:
        try:
            problem = msgspec.json.decode(refused.read(), type=Problem).error
        except msgspec.DecodeError:
            problem = f"status {refused.code}"
        if refused.code == 404:
            problem = "has no policies to tell; name its admin listener (`flk serve --admin-port`)"
        raise UnusableInput(plain(f"{node}: {problem}")) from None
    except (URLError, OSError, msgspec.DecodeError) as error:
        raise UnusableInput(plain(f"{node}: does not answer ({error}); name its admin listener")) from None


def _tell(ruling: "Ruling", *, json: bool) -> None:
    from flk.model.policies.ruling import ALL

    if json:
        typer.echo(msgspec.json.encode(ruling))
        return
    for event in ruling.history:
        share = f" for {event.share / ALL:.2%} of the tenants" if event.share else ""
        typer.echo(plain(f"{event.at}  {event.kind}  {event.version}{share}  {event.digest[:12]}  by {event.by}"))
    staged = f"; {ruling.candidate} judges {ruling.share / ALL:.2%} of the tenants" if ruling.candidate else ""
    typer.echo(f"in force: policy {ruling.in_force}{staged}")


def _policy(file: Path) -> "Policy":
    """The policy of a file. Raises UnusableInput with every mistake in it."""
    from flk.model.policies.reading import read

    found = read(_content(file))
    if found.policy is None:
        raise UnusableInput(os.linesep.join(plain(f"{file}:{mistake}") for mistake in found.mistakes))
    return found.policy


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnusableInput(f"{file}: cannot be read: {error.strerror}; name a file that exists") from None
