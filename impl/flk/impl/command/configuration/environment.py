"""The environment of a command: variables that set options, variables that nothing reads, and those of the earlier system."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from flk.impl.command.configuration.settings import PREFIX, Given, Setting
from flk.spec.hints import nearest

OTHERS = frozenset({"FLK_CONFIG", "FLK_CACHE", "FLK_DEBUG", "FLK_EXAMINE", "FLK_SECRET"})
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
_LINKED = ("tcp://", "udp://")
_OF_KUBERNETES = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(TCP|UDP)\w*)|\w+_\w+_PORT")
"""What every pod gets for each service of its namespace."""


def read(environment: Mapping[str, str], settings: Mapping[str, Setting], unfit: Mapping[str, str]) -> Given:
    """The settings of an environment. `unfit` says why one does not belong there."""
    values: dict[str, object] = {}
    places: dict[str, str] = {}
    mistakes: list[str] = []
    for name, setting in settings.items():
        variable = setting.variable if setting.variable in environment else EARLIER.get(name, setting.variable)
        if variable not in environment:
            continue
        try:
            values[name] = _value(environment[variable], setting, unfit)
            places[name] = variable
        except ValueError as wrong:
            mistakes.append(f"{variable}: {wrong}")
    known = {setting.variable for setting in settings.values()} | OTHERS
    mistakes += (
        f"{variable}: there is no such setting; {nearest(variable, sorted(known))}"
        for variable in sorted(environment)
        if variable.startswith(PREFIX) and variable not in known and not _OF_KUBERNETES.fullmatch(variable)
    )
    return Given(values, places, mistakes)


def _value(text: str, setting: Setting, unfit: Mapping[str, str]) -> object:
    """The value that a variable gives a setting. Raises ValueError with the fix."""
    if setting.name in unfit:
        raise ValueError(unfit[setting.name])
    try:
        found: object = msgspec.convert(text.split() if setting.is_list else text, setting.type, strict=False)
    except msgspec.ValidationError:
        if text.startswith(_LINKED):
            raise ValueError(
                "Kubernetes sets it for the service named flk; give the pod enableServiceLinks: false, or rename the service"
            ) from None
        raise ValueError(f'"{text}" will not do; write {setting.form.removesuffix(" in quotes")}') from None
    return found


def notes(environment: Mapping[str, str]) -> Iterator[str]:
    """What to tell of variables of the earlier system that set nothing."""
    for name, instead in GONE.items():
        if name in environment:
            yield f"{name} is not read: {instead}"
