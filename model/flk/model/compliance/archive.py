"""An archive that has one spelling: ZIP, nothing compressed, files in the order of their names, all else constant (EVD-3).

Any program unpacks it. Here only that is read which `archived` would write again, byte for byte: ZIP says most things twice, and a
byte that two readers take differently is a byte that nobody has signed. As nothing is compressed, no archive unpacks to more than
itself.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.evidence
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")
_TIME = (1980, 1, 1, 0, 0, 0)  # the first that ZIP has


class BadPack(Exception):
    """An archive that is no evidence pack, or that is not what was signed: what is wrong with it."""


def archived(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files. Raises ValueError for a name that no pack has."""
    for name in files:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a file in a pack")
    made = BytesIO()
    with ZipFile(made, "w", ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(files):
            info = ZipInfo(name, _TIME)
            info.create_system, info.external_attr = 3, 0o100644 << 16  # a plain file, on whatever system it is written
            archive.writestr(info, files[name])
    return made.getvalue()


def unarchived(content: bytes) -> dict[str, bytes]:
    """The files of an archive that `archived` has made. Raises BadPack for any other bytes."""
    if len(content) > LIMITS.max_pack_bytes:
        raise BadPack(f"EVD-3: a pack of more than {LIMITS.max_pack_bytes:,} bytes")
    try:
        files = _read(content)
        again = archived(files)
    except (BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise BadPack(f"EVD-3: this is no evidence pack: {error}") from None
    if again != content:
        raise BadPack("EVD-3: the archive has bytes that no pack has: it was changed, or other software wrote it")
    return files


def _read(content: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(content)) as archive:
        entries = archive.infolist()
        if len(entries) > LIMITS.max_pack_files:
            raise ValueError(f"it has more than {LIMITS.max_pack_files} files")
        if any(entry.compress_type != ZIP_STORED for entry in entries):
            raise ValueError("it has a compressed file")
        if sum(entry.file_size for entry in entries) > len(content):
            raise ValueError("its files are larger than itself")
        files = {entry.filename: archive.read(entry) for entry in entries}
    if len(files) < len(entries):
        raise ValueError("it has two files of one name")
    return files
