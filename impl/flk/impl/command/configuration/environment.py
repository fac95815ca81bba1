"""The environment of a command: variables that set options, variables that nothing reads, and those of the earlier system."""

import re
from collections.abc import Iterator, Mapping

from flk.impl.command.configuration.settings import PREFIX, Setting
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

OTHERS = frozenset({"FLK_CONFIG", "FLK_DEBUG", "FLK_EXAMINE", "FLK_SECRET"})
"""Variables that are read elsewhere."""
EARLIER = {"data": "WAL_DIR", "port": "PORT", "store": "POSTGRES_CONN"}
"""What the earlier system called settings that mean the same here."""
GONE = {
    "DEDUP_BACKEND": "entries are in a file beside the log, or where FLK_STORE says",
    "DEDUP_SNAPSHOT": "entries are in a file beside the log, or where FLK_STORE says",
    "REDIS_ADDR": "write FLK_STORE=redis://HOST:PORT/0",
    "PCS_SIGN_ALG": "each key of the file FLK_KEYS names its algorithm",
    "PCS_HMAC_KEY": "keys stand in the file FLK_KEYS; `flk keys new` writes one",
    "PCS_ED25519_PUB_B64": "keys stand in the file FLK_KEYS; `flk keys new` writes one",
    "MULTI_TENANT": "the tenants are those of the keys in the file FLK_KEYS",
    "TENANTS": "the tenants are those of the keys in the file FLK_KEYS",
}
"""Variables of the earlier system that set nothing here, and what does."""
_OF_KUBERNETES = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(TCP|UDP)\w*)|\w+_\w+_PORT")
"""What every pod gets for each service of its namespace."""


def require_no_link(environment: Mapping[str, str]) -> None:
    """Raise UnusableInput if the port is what Kubernetes tells of a service that has our name."""
    name = f"{PREFIX}PORT"
    if environment.get(name, "").startswith(("tcp://", "udp://")):
        raise UnusableInput(
            f"{name}: Kubernetes sets it for the service named flk; give the pod enableServiceLinks: false, or name the service"
            " otherwise"
        )


def mistakes(environment: Mapping[str, str], settings: Mapping[str, Setting]) -> Iterator[str]:
    """Each variable that looks like one of ours and is none, with the fix."""
    known = {setting.variable for setting in settings.values()} | OTHERS
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known and not _OF_KUBERNETES.fullmatch(name):
            yield f"{name}: there is no such setting; {nearest(name, sorted(known))}"


def notes(environment: Mapping[str, str]) -> Iterator[str]:
    """What to tell of variables of the earlier system that set nothing."""
    for name, instead in GONE.items():
        if name in environment:
            yield f"{name} is not read: {instead}"
