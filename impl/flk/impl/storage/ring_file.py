"""The file that says where the shards of a ring are: their names, and the URL of each.

[shards]
a = "postgresql://flk@one.example/flk"
b = "postgresql://flk@two.example/flk"
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from flk.impl.storage.address import Address, address
from flk.impl.storage.trouble import usable
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

SCHEME = "ring+file"
FORM = f"{SCHEME}:///path/shards.toml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_EXAMPLE = '[shards], then a line `name = "postgresql://…"` for each'


class RingFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the shards are. Which of them make the ring is kept in the stores: the file may name more. `vnodes` counts for a new
    ring only.
    """

    shards: dict[str, str] = msgspec.field(default_factory=dict)
    vnodes: int = CONSTANTS.ring.vnodes


def is_ring(url: str) -> bool:
    """Whether a URL names a ring's file."""
    return url.partition(":")[0] == SCHEME


def path_of(url: str) -> Path:
    """The path in a ring's URL. Raises UnusableInput."""
    parts = urlsplit(url)
    if parts.netloc or not parts.path:
        raise UnusableInput(f"--store: the file of a ring reads like {FORM}")
    return Path(unquote(parts.path))


def load(path: Path) -> RingFile:
    """Read a ring's file. Raises UnusableInput, in whose message no URL stands."""
    with usable(path):
        content = path.read_bytes()
    try:
        found = msgspec.toml.decode(content, type=RingFile)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnusableInput(f"{path}: not the file of a ring; it has {_EXAMPLE}") from None
    if not found.shards:
        raise UnusableInput(f"{path}: a ring needs a shard; the file has {_EXAMPLE}")
    wrong = next((name for name in found.shards if not _NAME.fullmatch(name)), None)
    if wrong is not None:
        raise UnusableInput(f"{path}: {wrong!r}: a shard has a name of letters, digits, - and _")
    if found.vnodes < 1:
        raise UnusableInput(f"{path}: vnodes is {found.vnodes}; a shard needs one at least")
    where = [addressed(path, name, url) for name, url in found.shards.items()]
    twice = next((one for one in where if [other.url for other in where].count(one.url) > 1), None)
    if twice is not None:
        raise UnusableInput(f"{path}: two shards are in {twice}; give each a store of its own")
    return found


def addressed(path: Path, name: str, url: str) -> Address:
    """Where a shard is. Raises UnusableInput that names it."""
    try:
        return address(url)
    except UnusableInput as error:
        raise UnusableInput(f"{path}: shard {name}: {error}") from None
